/* What is heard, chunk by chunk of ten hops: the calm path of guard.py and startle.py, in which nothing is lowered.
 * A part of kernel.c, which includes it.
 *
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

/* What was where, so that a block which turns out not to be calm can be taken back; it has room for a whole block (1200 of 400 ms). */
#define MOST_UNDONE 2048
struct undo {
    size_t count;
    double *at[MOST_UNDONE], was[MOST_UNDONE];
};

static void put(struct undo *undo, double *at, double value)
{
    if (undo && undo->count < MOST_UNDONE) {
        undo->at[undo->count] = at;
        undo->was[undo->count++] = *at;
    }
    *at = value;
}

static void undo_all(struct undo *undo)
{
    for (; undo->count > 0; undo->count--)
        *undo->at[undo->count - 1] = undo->was[undo->count - 1];
}

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
static void push_familiar(double *f, double largest, struct undo *undo)
{
    const size_t chunks = (size_t)f[FAMILIAR_CHUNKS], maxima = (size_t)f[MAXIMA];
    double *const at = f + FAMILIAR_MAXIMA + chunks % maxima, *const recent = f + FAMILIAR_RECENT + chunks % RECENT;
    const double gone = *at;
    put(undo, at, *recent);
    put(undo, recent, largest);
    put(undo, f + FAMILIAR_CHUNKS, f[FAMILIAR_CHUNKS] + 1.0);
    if (*at >= f[FAMILIAR_LEVEL]) {
        put(undo, f + FAMILIAR_LEVEL, *at);
    } else if (gone == f[FAMILIAR_LEVEL]) {
        double most = 0.0;
        for (size_t i = 0; i < maxima; i++)
            most = f[FAMILIAR_MAXIMA + i] > most ? f[FAMILIAR_MAXIMA + i] : most;
        put(undo, f + FAMILIAR_LEVEL, most);
    }
}

/* `Hearing.push_many` of a whole chunk. fasts: E after each hop. */
static void hear(double *h, double *familiar, const double *powers, double *fasts, struct undo *undo)
{
    const size_t chunks = (size_t)h[CHUNKS];
    double *const boxes = h + BOXES + chunks % (USUAL / HOPS) * HOPS; /* in 32 bits the product would overflow */
    double copy[USUAL], fast = h[FAST], box = h[BOX_SUM], total = 0.0, most = 0.0;
    for (int i = 0; i < HOPS; i++) {
        fast = h[KEEP] * fast + h[TAKE] * powers[i];
        box += powers[i] - h[FORMER + i];
        put(undo, boxes + i, box);
        total += fast < h[MOST] ? fast : h[MOST];
        most = fast > most ? fast : most;
        fasts[i] = fast;
    }
    put(undo, h + FAST, fast);
    put(undo, h + SUMS + chunks % BACKGROUND, total);
    put(undo, h + BACKGROUND_LEVEL, sum(h + SUMS, BACKGROUND) / (BACKGROUND * HOPS));
    put(undo, h + MOST, h[BACKGROUND_LEVEL] * 10.0 + 1e-12);
    put(undo, h + CHUNK_FAST, most);
    push_familiar(familiar, most, undo);
    for (int i = 0; i < USUAL; i++)
        copy[i] = h[BOXES + i];
    put(undo, h + USUAL_LEVEL, ranked(copy, USUAL, USUAL_RANK) / HOPS);
    box = 0.0;
    for (int i = 0; i < HOPS; i++) {
        put(undo, h + FORMER + i, powers[i]);
        box += powers[i];
    }
    put(undo, h + BOX_SUM, box);
    put(undo, h + CHUNKS, h[CHUNKS] + 1.0);
}

/* `Hearing.chunk_box`. */
static double largest_box(const double *h)
{
    const double *const boxes = h + BOXES + ((size_t)h[CHUNKS] - 1) % (USUAL / HOPS) * HOPS;
    double most = boxes[0];
    for (int i = 1; i < HOPS; i++)
        most = boxes[i] > most ? boxes[i] : most;
    return most / HOPS;
}

/* `LoudnessBudget.take_many` of a whole chunk. */
static void take(double *budget, const double *powers, double share, struct undo *undo)
{
    double *const chunks = budget + WINDOW_CHUNKS;
    const size_t count = (size_t)budget[WINDOW];
    double taken = 0.0, total = 0.0;
    for (int i = 0; i < HOPS; i++)
        taken += powers[i] * share;
    for (size_t i = 0; i + 1 < count; i++)
        put(undo, chunks + i, chunks[i + 1]);
    put(undo, chunks + count - 1, taken);
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
    put(undo, budget + LEFT, least > 0.0 ? least : 0.0);
}

enum { LATE_POWER, LATE_PEAK, USED_TO, FAST_BOUND, BOX_BOUND, FULL, RISE, FLOOR, FAMILIAR_ROOM, BURST_ROOM, SHARE,
       LET_DOWN_CHUNK, REACHED };

/* `Guard._are_calm`, chunk by chunk, up to the first that is not calm; returns how many were.
 * states: Hearing, its Familiar, the Familiar of hops and that of peaks, M, S; g: as above;
 * powers, peaks: those of each hop, the latter squared; figures: the largest E and R of each calm chunk, and H after it. */
static size_t guard_calm(double *const *states, double *g, const double *powers, const float *peaks, size_t chunks,
                         double (*figures)[3], struct undo *undo)
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
        double known = g[USED_TO] < familiar[FAMILIAR_LEVEL] ? g[USED_TO] : familiar[FAMILIAR_LEVEL];
        known = g[REACHED] < known ? g[REACHED] : known;
        const double left = momentary[LEFT] < short_term[LEFT] ? momentary[LEFT] : short_term[LEFT];
        if (!(most <= known * g[FAMILIAR_ROOM] && peak <= states[3][FAMILIAR_LEVEL] * g[FAMILIAR_ROOM]
              && h[BOX_SUM] / HOPS * HOPS + total <= h[USUAL_LEVEL] * (HOPS * g[BURST_ROOM])
              && total <= g[FULL] * g[SHARE] * left))
            return chunk;
        hear(h, familiar, heard, fasts, undo);
        const double share = g[FULL] > 0.0 ? 1.0 / g[FULL] : 0.0;
        take(momentary, heard, share, undo);
        take(short_term, heard, share, undo);
        double heard_most = heard[0];
        for (int i = 1; i < HOPS; i++)
            heard_most = heard[i] > heard_most ? heard[i] : heard_most;
        push_familiar(states[2], heard_most, undo);
        push_familiar(states[3], heard_peak, undo);
        g[LATE_POWER] = powers[HOPS - 1];
        g[LATE_PEAK] = peaks[HOPS - 1];
        double used = g[USED_TO] * g[RISE];
        used = g[FLOOR] > used ? g[FLOOR] : used;
        g[USED_TO] = used < familiar[FAMILIAR_LEVEL] ? used : familiar[FAMILIAR_LEVEL];
        g[FAST_BOUND] *= g[LET_DOWN_CHUNK];
        g[BOX_BOUND] *= g[LET_DOWN_CHUNK];
        figures[chunk][0] = h[CHUNK_FAST];
        figures[chunk][1] = largest_box(h);
        figures[chunk][2] = g[USED_TO];
    }
    return chunks;
}

size_t lull_guard_calm(double *const *states, double *g, const double *powers, const float *peaks, size_t chunks,
                       double (*figures)[3])
{
    return guard_calm(states, g, powers, peaks, chunks, figures, NULL);
}

enum { BEFORE, ROOM, KNOWN_BOX, BURST, GRADIENT };

/* `Judge.push_many` of whole chunks in which nothing climbs and no box comes near a burst; returns how many were such.
 * j: as above, the fast level at the last sample and what counts as none as powers; boxes: R after each hop. */
static size_t judge_calm(double *h, double *familiar, double *j, const double *powers, size_t chunks, double *boxes,
                         struct undo *undo)
{
    double fasts[HOPS];
    for (size_t chunk = 0; chunk < chunks; chunk++, powers += HOPS, boxes += HOPS) {
        double before = j[BEFORE], usual = h[USUAL_LEVEL] > j[ROOM] ? h[USUAL_LEVEL] : j[ROOM], most = 0.0;
        double *const sums = h + BOXES + (size_t)h[CHUNKS] % (USUAL / HOPS) * HOPS;
        hear(h, familiar, powers, fasts, undo);
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
        if (!is_calm)
            return chunk;
        j[BEFORE] = before;
    }
    return chunks;
}

/* The same; what a chunk that is not calm has changed is taken back. */
size_t lull_judge_calm(double *h, double *familiar, double *j, const double *powers, size_t chunks, double *boxes)
{
    struct undo undo;
    for (size_t chunk = 0; chunk < chunks; chunk++) {
        undo.count = 0;
        if (judge_calm(h, familiar, j, powers + chunk * HOPS, 1, boxes + chunk * HOPS, &undo) == 0) {
            undo_all(&undo);
            return chunk;
        }
    }
    return chunks;
}
