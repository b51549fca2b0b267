/* The two calls in which libVLC asks for room in a ring and says that samples are there. A part of kernel.c.
 *
 * For each packet of a track libVLC calls both, and each call into Python costs more than the copy. Here only the common
 * case is done, without the interpreter's lock: there is room, the format is the right one, and nobody waits. All else
 * goes on to the Python of player/audio/decoder (ring.py, vlc_decoder.py), which is the way where no kernel was built.
 */
#include <stdint.h>

/* native.py has the same fields in the same order. One thread writes `written`, another one `taken`; both only grow.
 * In 32 bits they would begin again after 25 hours of a stream, at another place of the store. */
struct ring {
    float *store; /* capacity + overhang frames */
    size_t capacity, overhang;
    uint64_t written, taken;
    size_t is_plain; /* nobody waits, nothing is to be dropped, it is not finished */
    size_t reserved; /* frames that were asked for in place */
    size_t number, rate_hz;
    void (*reserve)(size_t number, uint8_t **place, size_t size);
    void (*commit)(size_t number, uint8_t *place, unsigned channels, unsigned rate_hz, unsigned frames, unsigned bits,
                   size_t size, int64_t at);
};

#define FRAME_BYTES (CHANNELS * sizeof(float))

void lull_ring_prerender(struct ring *ring, uint8_t **place, size_t size)
{
    const size_t frames = size / FRAME_BYTES + (size % FRAME_BYTES != 0);
    const uint64_t ready = ring->written - __atomic_load_n(&ring->taken, __ATOMIC_ACQUIRE);
    ring->reserved = 0;
    if (!__atomic_load_n(&ring->is_plain, __ATOMIC_ACQUIRE) || frames > ring->overhang || ready > ring->capacity
        || frames > ring->capacity - ready) {
        ring->reserve(ring->number, place, size);
        return;
    }
    ring->reserved = frames;
    *place = (uint8_t *)(ring->store + ring->written % ring->capacity * CHANNELS);
}

void lull_ring_postrender(struct ring *ring, uint8_t *place, unsigned channels, unsigned rate_hz, unsigned frames,
                          unsigned bits, size_t size, int64_t at)
{
    const size_t count = size / FRAME_BYTES, first = ring->written % ring->capacity;
    const int is_ours = channels == CHANNELS && rate_hz == ring->rate_hz && bits == 32;
    if (!is_ours || count > ring->reserved || !__atomic_load_n(&ring->is_plain, __ATOMIC_ACQUIRE)) {
        ring->commit(ring->number, place, channels, rate_hz, frames, bits, size, at);
        return;
    }
    if (first + count > ring->capacity) {
        const size_t over = (first + count - ring->capacity) * CHANNELS;
        for (size_t i = 0; i < over; i++)
            ring->store[i] = ring->store[ring->capacity * CHANNELS + i];
    }
    __atomic_store_n(&ring->written, ring->written + count, __ATOMIC_RELEASE);
}

/* Frames that can be read, and up to which everything is in place. */
size_t lull_ring_ready(const struct ring *ring)
{
    return (size_t)(__atomic_load_n(&ring->written, __ATOMIC_ACQUIRE) - ring->taken);
}

/* Copy up to `frames` frames that are ready, beginning with the oldest, and take them unless they are to stay. */
size_t lull_ring_read(struct ring *ring, float *out, size_t frames, size_t is_to_stay)
{
    const size_t ready = lull_ring_ready(ring), count = frames < ready ? frames : ready;
    const size_t first = ring->taken % ring->capacity, left = ring->capacity - first;
    const size_t head = count < left ? count : left;
    for (size_t i = 0; i < head * CHANNELS; i++)
        out[i] = ring->store[first * CHANNELS + i];
    for (size_t i = head * CHANNELS; i < count * CHANNELS; i++)
        out[i] = ring->store[i - head * CHANNELS];
    if (!is_to_stay)
        __atomic_store_n(&ring->taken, ring->taken + count, __ATOMIC_RELEASE);
    return count;
}
