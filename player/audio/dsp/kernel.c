/* The native kernel: loops over samples for which numpy needs several passes or one call a hop.
 *
 * Each function does what the Python beside it does; that stays the reference, and the way where no kernel was built.
 * tests/audio/dsp/test_native.py holds both equal. Python decides, C counts samples: there is no state here but what the
 * caller hands in, no memory is taken, and nothing is called but this file. Audio is float32, left and right interleaved.
 *
 * Built with -ffp-contract=off: a fused multiply-add would round differently.
 */
#include <stddef.h>

#define CHANNELS 2
#define TINY 1e-30 /* a filter's memory below it is none: subnormal numbers take a hundred times as long */

/* Changes whenever an argument does; player/audio/dsp/native.py refuses another one. */
int lull_kernel_version(void) { return 5; }

/* The two stages of the K-weighting at 48 kHz, ITU-R BS.1770-4, tables 1 and 2. */
static const double SHELF_B[3] = {1.53512485958697, -2.69169618940638, 1.19839281085285};
static const double SHELF_A[3] = {1.0, -1.69065929318241, 0.73248077421585};
static const double HIGH_A[3] = {1.0, -1.99004745483398, 0.99007225036621};

static float larger(float one, float other) { return one > other ? one : other; }

/* The largest magnitude, four at a time. */
static float largest(const float *in, size_t count)
{
    float most[4] = {0.0f, 0.0f, 0.0f, 0.0f};
    size_t i = 0;
    for (; i + 4 <= count; i += 4)
        for (int k = 0; k < 4; k++)
            most[k] = larger(__builtin_fabsf(in[i + k]), most[k]);
    for (; i < count; i++)
        most[0] = larger(__builtin_fabsf(in[i]), most[0]);
    return larger(larger(most[0], most[1]), larger(most[2], most[3]));
}

static double settled(double value) { return value < TINY && value > -TINY ? 0.0 : value; }

/* Left and right at once, where the processor can; the same operations for each. */
typedef double pair __attribute__((vector_size(2 * sizeof(double))));

/* K-weighted mean square, summed over the channels, of each hop.
 * state: 8 numbers, 0 at first; in: hops * hop_frames frames; powers: a number a hop. */
void lull_hop_powers(double *state, const float *in, size_t hops, size_t hop_frames, double *powers)
{
    pair s[4];
    for (int i = 0; i < 4; i++)
        s[i] = (pair){state[2 * i], state[2 * i + 1]};
    for (size_t hop = 0; hop < hops; hop++) {
        pair total = {0.0, 0.0};
        for (size_t frame = 0; frame < hop_frames; frame++, in += CHANNELS) {
            const pair sample = {in[0], in[1]};
            const pair shelf = SHELF_B[0] * sample + s[0];
            s[0] = SHELF_B[1] * sample - SHELF_A[1] * shelf + s[1];
            s[1] = SHELF_B[2] * sample - SHELF_A[2] * shelf;
            const pair high = shelf + s[2];
            s[2] = -2.0 * shelf - HIGH_A[1] * high + s[3];
            s[3] = shelf - HIGH_A[2] * high;
            total += high * high;
        }
        for (int i = 0; i < 4; i++)
            s[i] = (pair){settled(s[i][0]), settled(s[i][1])};
        powers[hop] = (total[0] + total[1]) / (double)hop_frames;
    }
    for (int i = 0; i < 8; i++)
        state[i] = s[i / 2][i % 2];
}

/* The largest magnitude in each hop. */
void lull_hop_peaks(const float *in, size_t hops, size_t hop_frames, float *peaks)
{
    for (size_t hop = 0; hop < hops; hop++, in += hop_frames * CHANNELS) {
        peaks[hop] = largest(in, hop_frames * CHANNELS);
    }
}

/* Each sample without the mean of its side that follows it, as highpass.py has it, to the last bit.
 * mean: left and right, moved on by hop_keep; weights, falling: hop_frames numbers each; a mean below still is none. */
void lull_high_pass(double *mean, const float *in, size_t hops, size_t hop_frames, const float *weights,
                    const float *falling, double hop_keep, double still, float *out)
{
    for (size_t hop = 0; hop < hops; hop++) {
        const float left = (float)mean[0], right = (float)mean[1];
        float left_sum = 0.0f, right_sum = 0.0f;
        for (size_t frame = 0; frame < hop_frames; frame++, in += CHANNELS, out += CHANNELS) {
            left_sum += in[0] * weights[frame];
            right_sum += in[1] * weights[frame];
            out[0] = in[0] - (left_sum + left) * falling[frame];
            out[1] = in[1] - (right_sum + right) * falling[frame];
        }
        mean[0] = hop_keep * (mean[0] + (double)left_sum);
        mean[1] = hop_keep * (mean[1] + (double)right_sum);
        if (mean[0] * mean[0] + mean[1] * mean[1] < still * still)
            mean[0] = mean[1] = 0.0;
    }
}

#define AT_ONCE 64 /* frames whose differences are kept beside each other, so that the compiler can take several at once */

/* Magnitude of the second difference of each frame, on the louder side; 0 for the first and the last.
 * And the largest in each piece of `side` frames, with its last frame (sharpest) and without (calmest). */
void lull_sharpness(const float *in, size_t frames, size_t side, float *sharp, double *sharpest, double *calmest)
{
    float differences[AT_ONCE * CHANNELS];
    sharp[0] = sharp[frames - 1] = 0.0f;
    for (size_t first = 1; first + 1 < frames; first += AT_ONCE) {
        const size_t count = frames - 1 - first < AT_ONCE ? frames - 1 - first : AT_ONCE;
        const float *at = in + (first - 1) * CHANNELS;
        for (size_t i = 0; i < count * CHANNELS; i++) {
            const float before = at[i + CHANNELS] - at[i], behind = at[i + 2 * CHANNELS] - at[i + CHANNELS];
            differences[i] = __builtin_fabsf(behind - before);
        }
        for (size_t i = 0; i < count; i++)
            sharp[first + i] = larger(differences[CHANNELS * i], differences[CHANNELS * i + 1]);
    }
    for (size_t piece = 0; piece < frames / side; piece++, sharp += side) {
        const float most = largest(sharp, side - 1);
        calmest[piece] = most;
        sharpest[piece] = larger(sharp[side - 1], most);
    }
}

/* The first hop from `first` on, before `end`, in which something may stand out alone; `end` where none does.
 * Of a hop, two pieces, and `ahead` hops behind it are looked at. */
size_t lull_first_sharp(const double *sharpest, const double *calmest, size_t first, size_t end, size_t ahead,
                        double alone, double small)
{
    for (size_t hop = first; hop < end; hop++) {
        const size_t here = 2 * hop, behind = 2 * (hop + 1 + ahead);
        double calm = calmest[here + 2], most = sharpest[here];
        for (size_t i = here + 3; i < behind; i++)
            calm = calmest[i] < calm ? calmest[i] : calm;
        calm = sharpest[here - 1] > calm ? sharpest[here - 1] : calm;
        calm = small > calm ? small : calm;
        for (size_t i = here + 1; i < behind - 2; i++)
            most = sharpest[i] > most ? sharpest[i] : most;
        if (!(most <= alone * calm))
            return hop;
    }
    return end;
}

#include "hearing.c"

#include "calm.c"

#include "ring.c"
