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
int lull_kernel_version(void) { return 3; }

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

/* K-weighted mean square, summed over the channels, of each hop.
 * state: 8 numbers, 0 at first; in: hops * hop_frames frames; powers: a number a hop. */
void lull_hop_powers(double *state, const float *in, size_t hops, size_t hop_frames, double *powers)
{
    double s[8];
    for (int i = 0; i < 8; i++)
        s[i] = state[i];
    for (size_t hop = 0; hop < hops; hop++) {
        double left = 0.0, right = 0.0;
        for (size_t frame = 0; frame < hop_frames; frame++, in += CHANNELS) {
            const double l = in[0], r = in[1];
            const double shelf_l = SHELF_B[0] * l + s[0], shelf_r = SHELF_B[0] * r + s[1];
            s[0] = SHELF_B[1] * l - SHELF_A[1] * shelf_l + s[2];
            s[1] = SHELF_B[1] * r - SHELF_A[1] * shelf_r + s[3];
            s[2] = SHELF_B[2] * l - SHELF_A[2] * shelf_l;
            s[3] = SHELF_B[2] * r - SHELF_A[2] * shelf_r;
            const double high_l = shelf_l + s[4], high_r = shelf_r + s[5];
            s[4] = -2.0 * shelf_l - HIGH_A[1] * high_l + s[6];
            s[5] = -2.0 * shelf_r - HIGH_A[1] * high_r + s[7];
            s[6] = shelf_l - HIGH_A[2] * high_l;
            s[7] = shelf_r - HIGH_A[2] * high_r;
            left += high_l * high_l;
            right += high_r * high_r;
        }
        for (int i = 0; i < 8; i++)
            s[i] = settled(s[i]);
        powers[hop] = (left + right) / (double)hop_frames;
    }
    for (int i = 0; i < 8; i++)
        state[i] = s[i];
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

/* What is heard, chunk by chunk of ten hops: the calm path of guard.py and startle.py, in which nothing is lowered.
 * The arrays are the `state` of the classes of hearing.py and loudness_budget.py; the names below are places in them. */
#define HOPS 10
#define BACKGROUND 200 /* chunks */
#define USUAL 1000     /* hops */
#define USUAL_RANK 899
#define RECENT 10 /* chunks */

enum { FAST, BOX_SUM, MOST, BACKGROUND_LEVEL, USUAL_LEVEL, CHUNK_FAST, CHUNKS, KEEP, TAKE, FORMER };
enum { SUMS = FORMER + HOPS, BOXES = SUMS + BACKGROUND, HEARING = BOXES + USUAL };
enum { FAMILIAR_LEVEL, FAMILIAR_CHUNKS, MAXIMA, FAMILIAR_RECENT, FAMILIAR_MAXIMA = FAMILIAR_RECENT + RECENT };
enum { LEFT, LIMIT, IS_PLANNED, SHORT_HORIZON, LONG_HORIZON, FREE, WINDOW, WINDOW_CHUNKS };

/* The sum in the order in which numpy takes it. */
static double sum(const double *in, size_t count)
{
    double part[8], total;
    if (count > 128) {
        const size_t half = count / 2 / 8 * 8;
        return sum(in, half) + sum(in + half, count - half);
    }
    for (int k = 0; k < 8; k++)
        part[k] = in[k];
    size_t i = 8;
    for (; i + 8 <= count; i += 8)
        for (int k = 0; k < 8; k++)
            part[k] += in[i + k];
    total = ((part[0] + part[1]) + (part[2] + part[3])) + ((part[4] + part[5]) + (part[6] + part[7]));
    for (; i < count; i++)
        total += in[i];
    return total;
}

/* The number that has `rank` smaller ones or equals before it; puts all in another order. Hoare's quickselect. */
static double ranked(double *in, size_t count, size_t rank)
{
    size_t first = 0, last = count - 1;
    while (first < last) {
        const double middle = in[first + (last - first) / 2];
        size_t low = first, high = last;
        for (;;) {
            while (in[low] < middle)
                low++;
            while (in[high] > middle)
                high--;
            if (low >= high)
                break;
            const double kept = in[low];
            in[low++] = in[high];
            in[high--] = kept;
        }
        if (rank <= high) /* up to there nothing is above the middle, behind it nothing below */
            last = high;
        else
            first = high + 1;
    }
    return in[rank];
}

/* `Familiar.push`. */
static void push_familiar(double *f, double largest)
{
    const size_t chunks = (size_t)f[FAMILIAR_CHUNKS], maxima = (size_t)f[MAXIMA];
    double *const at = f + FAMILIAR_MAXIMA + chunks % maxima, *const recent = f + FAMILIAR_RECENT + chunks % RECENT;
    const double gone = *at;
    *at = *recent;
    *recent = largest;
    f[FAMILIAR_CHUNKS] += 1.0;
    if (*at >= f[FAMILIAR_LEVEL]) {
        f[FAMILIAR_LEVEL] = *at;
    } else if (gone == f[FAMILIAR_LEVEL]) {
        double most = 0.0;
        for (size_t i = 0; i < maxima; i++)
            most = f[FAMILIAR_MAXIMA + i] > most ? f[FAMILIAR_MAXIMA + i] : most;
        f[FAMILIAR_LEVEL] = most;
    }
}

/* `Hearing.push_many` of a whole chunk. fasts: E after each hop. */
static void hear(double *h, double *familiar, const double *powers, double *fasts)
{
    const size_t chunks = (size_t)h[CHUNKS];
    double *const boxes = h + BOXES + chunks % (USUAL / HOPS) * HOPS; /* in 32 bits the product would overflow */
    double copy[USUAL], fast = h[FAST], box = h[BOX_SUM], total = 0.0, most = 0.0;
    for (int i = 0; i < HOPS; i++) {
        fast = h[KEEP] * fast + h[TAKE] * powers[i];
        box += powers[i] - h[FORMER + i];
        boxes[i] = box;
        total += fast < h[MOST] ? fast : h[MOST];
        most = fast > most ? fast : most;
        fasts[i] = fast;
    }
    h[FAST] = fast;
    h[SUMS + chunks % BACKGROUND] = total;
    h[BACKGROUND_LEVEL] = sum(h + SUMS, BACKGROUND) / (BACKGROUND * HOPS);
    h[MOST] = h[BACKGROUND_LEVEL] * 10.0 + 1e-12;
    h[CHUNK_FAST] = most;
    push_familiar(familiar, most);
    for (int i = 0; i < USUAL; i++)
        copy[i] = h[BOXES + i];
    h[USUAL_LEVEL] = ranked(copy, USUAL, USUAL_RANK) / HOPS;
    h[BOX_SUM] = 0.0;
    for (int i = 0; i < HOPS; i++) {
        h[FORMER + i] = powers[i];
        h[BOX_SUM] += powers[i];
    }
    h[CHUNKS] += 1.0;
}

/* `LoudnessBudget.take_many` of a whole chunk. */
static void take(double *budget, const double *powers, double share)
{
    double *const chunks = budget + WINDOW_CHUNKS;
    const size_t count = (size_t)budget[WINDOW];
    double taken = 0.0, total = 0.0;
    for (int i = 0; i < HOPS; i++)
        taken += powers[i] * share;
    for (size_t i = 0; i + 1 < count; i++)
        chunks[i] = chunks[i + 1];
    chunks[count - 1] = taken;
    for (size_t i = 0; i < count; i++)
        total += chunks[i];
    double least = budget[LIMIT] - total;
    size_t horizon = (size_t)(total < budget[FREE] * budget[LIMIT] ? budget[SHORT_HORIZON] : budget[LONG_HORIZON]);
    horizon = budget[IS_PLANNED] != 0.0 ? 1 : horizon;
    for (size_t spread = 2; spread <= horizon; spread++) {
        total -= chunks[spread - 2];
        const double left = (budget[LIMIT] - total) / (double)spread;
        least = left < least ? left : least;
    }
    budget[LEFT] = least > 0.0 ? least : 0.0;
}

enum { LATE_POWER, LATE_PEAK, USED_TO, FAST_BOUND, BOX_BOUND, FULL, RISE, FLOOR, FAMILIAR_ROOM, BURST_ROOM, SHARE,
       LET_DOWN_CHUNK };

/* `Guard._are_calm`, chunk by chunk, up to the first that is not calm; returns how many were.
 * states: Hearing, its Familiar, the Familiar of hops and that of peaks, M, S; g: as above;
 * powers, peaks: those of each hop, the latter squared; came, used_to: after each calm chunk. */
size_t lull_guard_calm(double *const *states, double *g, const double *powers, const float *peaks, size_t chunks,
                       double *came, double *used_to)
{
    double *const h = states[0], *const familiar = states[1], *const momentary = states[4], *const short_term = states[5];
    for (size_t chunk = 0; chunk < chunks; chunk++, powers += HOPS, peaks += HOPS) {
        double heard[HOPS], fasts[HOPS], total = 0.0, most = powers[0], peak = peaks[0], heard_peak = g[LATE_PEAK];
        for (int i = 0; i < HOPS; i++) {
            total += powers[i];
            most = powers[i] > most ? powers[i] : most;
            peak = peaks[i] > peak ? peaks[i] : peak;
            heard[i] = i ? powers[i - 1] : g[LATE_POWER];
            heard_peak = i && peaks[i - 1] > heard_peak ? peaks[i - 1] : heard_peak;
        }
        total += g[LATE_POWER];
        const double known = g[USED_TO] < familiar[FAMILIAR_LEVEL] ? g[USED_TO] : familiar[FAMILIAR_LEVEL];
        const double left = momentary[LEFT] < short_term[LEFT] ? momentary[LEFT] : short_term[LEFT];
        if (!(most <= known * g[FAMILIAR_ROOM] && peak <= states[3][FAMILIAR_LEVEL] * g[FAMILIAR_ROOM]
              && h[BOX_SUM] / HOPS * HOPS + total <= h[USUAL_LEVEL] * (HOPS * g[BURST_ROOM])
              && total <= g[FULL] * g[SHARE] * left))
            return chunk;
        hear(h, familiar, heard, fasts);
        const double share = g[FULL] > 0.0 ? 1.0 / g[FULL] : 0.0;
        take(momentary, heard, share);
        take(short_term, heard, share);
        double heard_most = heard[0];
        for (int i = 1; i < HOPS; i++)
            heard_most = heard[i] > heard_most ? heard[i] : heard_most;
        push_familiar(states[2], heard_most);
        push_familiar(states[3], heard_peak);
        g[LATE_POWER] = powers[HOPS - 1];
        g[LATE_PEAK] = peaks[HOPS - 1];
        double used = g[USED_TO] * g[RISE];
        used = g[FLOOR] > used ? g[FLOOR] : used;
        g[USED_TO] = used < familiar[FAMILIAR_LEVEL] ? used : familiar[FAMILIAR_LEVEL];
        g[FAST_BOUND] *= g[LET_DOWN_CHUNK];
        g[BOX_BOUND] *= g[LET_DOWN_CHUNK];
        came[chunk] = h[CHUNK_FAST];
        used_to[chunk] = g[USED_TO];
    }
    return chunks;
}

enum { BEFORE, ROOM, KNOWN_BOX, BURST, GRADIENT };

/* `Judge.push_many` of whole chunks in which nothing climbs and no box comes near a burst; returns how many were such.
 * j: as above, the fast level at the last sample and what counts as none as powers; boxes: R after each hop. */
size_t lull_judge_calm(double *h, double *familiar, double *j, const double *powers, size_t chunks, double *boxes)
{
    double kept[HEARING], kept_familiar[FAMILIAR_MAXIMA + 1], fasts[HOPS];
    for (size_t chunk = 0; chunk < chunks; chunk++, powers += HOPS, boxes += HOPS) {
        double before = j[BEFORE], usual = h[USUAL_LEVEL] > j[ROOM] ? h[USUAL_LEVEL] : j[ROOM], most = 0.0;
        const size_t place = (size_t)familiar[FAMILIAR_CHUNKS] % (size_t)familiar[MAXIMA];
        const double gone = familiar[FAMILIAR_MAXIMA + place];
        for (int i = 0; i < HEARING; i++)
            kept[i] = h[i];
        for (int i = 0; i < FAMILIAR_MAXIMA; i++)
            kept_familiar[i] = familiar[i];
        double *const sums = h + BOXES + (size_t)h[CHUNKS] % (USUAL / HOPS) * HOPS;
        hear(h, familiar, powers, fasts);
        for (int i = 0; i < HOPS; i++)
            boxes[i] = sums[i] / HOPS;
        boxes[HOPS - 1] = h[BOX_SUM] / HOPS;
        for (int i = 0; i + 1 < HOPS; i++)
            most = boxes[i] > most ? boxes[i] : most;
        int is_calm = most <= usual * j[BURST] || most <= j[KNOWN_BOX];
        usual = h[USUAL_LEVEL] > j[ROOM] ? h[USUAL_LEVEL] : j[ROOM];
        is_calm = is_calm && (boxes[HOPS - 1] <= usual * j[BURST] || boxes[HOPS - 1] <= j[KNOWN_BOX]);
        for (int i = 1; i < HOPS; i += 2) {
            const double level = fasts[i] > j[ROOM] ? fasts[i] : j[ROOM];
            is_calm = is_calm && level <= before * j[GRADIENT];
            before = level;
        }
        if (!is_calm) {
            for (int i = 0; i < HEARING; i++)
                h[i] = kept[i];
            for (int i = 0; i < FAMILIAR_MAXIMA; i++)
                familiar[i] = kept_familiar[i];
            familiar[FAMILIAR_MAXIMA + place] = gone;
            return chunk;
        }
        j[BEFORE] = before;
    }
    return chunks;
}
