/* Sound in which nothing moves and nothing stands out, a block in one pass. A part of kernel.c, which includes it.
 *
 * Each function does what the stages do one after the other on such a block (deck.py and sanitise.py; chain.py), or it
 * returns 0 and has changed nothing, and then the stages do it. calm.py lends it what they remember.
 */

/* The sum of the squares, four at a time. */
static double energy(const float *in, size_t count)
{
    double total[4] = {0.0, 0.0, 0.0, 0.0};
    size_t i = 0;
    for (; i + 4 <= count; i += 4)
        for (int k = 0; k < 4; k++)
            total[k] += (double)in[i + k] * (double)in[i + k];
    for (; i < count; i++)
        total[0] += (double)in[i] * (double)in[i];
    return (total[0] + total[1]) + (total[2] + total[3]);
}

/* The sound of a deck at a gain that stands, `late` frames late; `power`: sum of the squares of what it gives.
 * 0 where a sample is broken, or where a zero may belong to a hole. */
size_t lull_calm_deck(const float *in, size_t frames, float *late, size_t late_frames, double gain, double most,
                      float *out, double *power)
{
    const size_t kept = late_frames * CHANNELS, count = frames * CHANNELS;
    const float factor = (float)gain, limit = (float)most;
    int is_bad = frames < late_frames;
    for (size_t i = 0; i < count; i += CHANNELS)
        is_bad |= (in[i] == 0.0f) | !(__builtin_fabsf(in[i]) <= limit) | !(__builtin_fabsf(in[i + 1]) <= limit);
    if (is_bad)
        return 0;
    for (size_t i = 0; i < kept; i++)
        out[i] = late[i] * factor;
    for (size_t i = kept; i < count; i++)
        out[i] = in[i - kept] * factor;
    for (size_t i = 0; i < kept; i++)
        late[i] = in[count - kept + i];
    *power = energy(out, count);
    return frames;
}

#define HOP 240 /* frames */
#define DECLICK_LATE 1200
#define PIECES (2 * HOPS) /* of a chunk, half a hop each */
#define MOST_CHUNKS 8
#define CLAUSE_CHUNKS 60
#define CLAUSE_MOMENTARY 8

/* calm.py has the same fields in the same order. What C moves on is reached by a pointer, or stands in the last lines. */
struct calm {
    double *mean; /* of the high-pass */
    const float *weights, *falling;
    float *declick_late, *guard_late, *limiter_late, *window, *curve;
    double *guard_meter, *output_meter;
    double *guard_states[6];
    double *guard, *licence, *licence_boxes;
    double *judge_hearing, *judge_familiar, *judge;
    double *clause_powers, *clause_full; /* the last three seconds, by chunks */
    double *powers, *boxes;              /* of what left, a number each hop since it was lent */
    double hop_keep, still, most, volume, alone, small, loudest;
    double full, reached, licence_rise, licence_above, steady_chunks, silent, forgotten_chunks, known_share;
    double box_over_fast, noticed, target, momentary_room, short_term_room;
    double is_steady_for, is_silent_for, licence_value, late_peak, energy, peak;
    size_t logged, most_logged;
};

/* C3 of one more chunk; whether it holds. */
static int keeps_c3(struct calm *c, const double *powers)
{
    double *const chunks = c->clause_powers, *const full = c->clause_full;
    double taken = 0.0, most = 0.0, short_term = 0.0, momentary = 0.0;
    for (int i = 0; i < HOPS; i++)
        taken += powers[i];
    for (int i = 0; i + 1 < CLAUSE_CHUNKS; i++) {
        chunks[i] = chunks[i + 1];
        full[i] = full[i + 1];
    }
    chunks[CLAUSE_CHUNKS - 1] = taken / HOPS;
    full[CLAUSE_CHUNKS - 1] = c->full;
    for (int i = 0; i < CLAUSE_CHUNKS; i++) {
        most = full[i] > most ? full[i] : most;
        short_term += chunks[i];
    }
    for (int i = CLAUSE_CHUNKS - CLAUSE_MOMENTARY; i < CLAUSE_CHUNKS; i++)
        momentary += chunks[i];
    const double limit = most * c->target;
    return limit == 0.0 || (momentary / CLAUSE_MOMENTARY <= limit * c->momentary_room
                            && short_term / CLAUSE_CHUNKS <= limit * c->short_term_room);
}

/* `Licence.push` while the volume stands. */
static void push_licence(struct calm *c, struct undo *undo, double came, double box, double heard)
{
    c->is_silent_for = came > c->silent * c->full ? 0.0 : c->is_silent_for + 1.0;
    if (c->reached == 0.0 || c->is_silent_for >= c->forgotten_chunks) {
        c->is_steady_for = 0.0;
        c->licence_value = 0.0;
        push_familiar(c->licence, came < heard ? came : heard, undo);
        push_familiar(c->licence_boxes, box < heard ? box : heard, undo);
        return;
    }
    push_familiar(c->licence, came, undo);
    push_familiar(c->licence_boxes, box, undo);
    c->is_steady_for += 1.0;
    double value = c->licence_value * (c->is_steady_for > c->steady_chunks ? c->licence_rise : 1.0);
    value = heard > value ? heard : value;
    const double most = c->licence[FAMILIAR_LEVEL] * c->licence_above;
    value = most < value ? most : value;
    c->licence_value = c->reached < value ? c->reached : value;
}

/* Guard, output meter and their clauses; whether all is calm. `came`: what comes into the guard. */
static int is_calm(struct calm *c, struct undo *undo, const float *came, size_t chunks, float *out)
{
    const size_t hops = chunks * HOPS, frames = hops * HOP, late = HOP * CHANNELS, count = frames * CHANNELS;
    double powers[MOST_CHUNKS * HOPS], figures[MOST_CHUNKS][3], most = 0.0;
    float peaks[MOST_CHUNKS * HOPS];
    lull_hop_powers(c->guard_meter, came, hops, HOP, powers);
    lull_hop_peaks(came, hops, HOP, peaks);
    for (size_t i = 0; i < hops; i++)
        peaks[i] *= peaks[i];
    if (guard_calm(c->guard_states, c->guard, powers, peaks, chunks, figures, undo) < chunks)
        return 0;
    const double licensed = c->licence_value;
    for (size_t i = 0; i < chunks; i++)
        push_licence(c, undo, figures[i][0], figures[i][1], figures[i][2] * c->guard[FAMILIAR_ROOM]);
    const float held = largest(c->guard_late, late), peak = larger(largest(came, count - late), held);
    if (!(peak <= c->loudest && c->late_peak <= c->loudest))
        return 0;
    c->late_peak = peak;
    for (size_t i = 0; i < late; i++) {
        out[i] = c->limiter_late[i];
        out[late + i] = c->guard_late[i];
    }
    for (size_t i = 2 * late; i < count; i++)
        out[i] = came[i - 2 * late];
    int is_bad = 0;
    for (size_t i = 0; i < count; i++)
        is_bad |= !(__builtin_fabsf(out[i]) <= (float)c->loudest); /* `largest` does not see NaN */
    if (is_bad)
        return 0;
    const double known = licensed > c->licence_value ? licensed : c->licence_value;
    const double former = c->judge_hearing[FAST], least = known * c->known_share * c->noticed;
    double *const left = c->powers + c->logged;
    lull_hop_powers(c->output_meter, out, hops, HOP, left);
    for (size_t i = 0; i < hops; i++)
        most = left[i] > most ? left[i] : most;
    if (known != 0.0 && !(most <= least && least >= former))
        return 0; /* C1b is to be asked */
    c->judge[KNOWN_BOX] = known * c->box_over_fast;
    if (judge_calm(c->judge_hearing, c->judge_familiar, c->judge, left, chunks, c->boxes + c->logged, undo) < chunks)
        return 0;
    for (size_t i = 0; i < chunks; i++)
        if (!keeps_c3(c, left + i * HOPS))
            return 0;
    return 1;
}

#define GUARD_FIGURES 13
#define JUDGE_FIGURES 5

/* What does not go through `undo`: parts of `struct calm` that are kept, and put back where a block is left to the stages. */
struct part {
    double *at;
    size_t count;
};
#define PARTS 11
#define MOST_KEPT (2 + 8 + 8 + GUARD_FIGURES + JUDGE_FIGURES + 2 * CLAUSE_CHUNKS + 4)

static void keep(const struct part parts[PARTS], double kept[MOST_KEPT])
{
    for (size_t i = 0; i < PARTS; i++)
        for (size_t k = 0; k < parts[i].count; k++)
            *kept++ = parts[i].at[k];
}

static void put_back(const struct part parts[PARTS], const double kept[MOST_KEPT])
{
    for (size_t i = 0; i < PARTS; i++)
        for (size_t k = 0; k < parts[i].count; k++)
            parts[i].at[k] = *kept++;
}

/* `Chain.process` of whole chunks at a volume that stands. */
size_t lull_calm_chain(struct calm *c, const float *in, size_t frames, float *out)
{
    const size_t chunks = frames / (HOPS * HOP), hops = chunks * HOPS, count = frames * CHANNELS;
    const size_t behind = DECLICK_LATE * CHANNELS, late = HOP * CHANNELS, halves = PIECES * chunks + 10;
    double sharpest[PIECES * MOST_CHUNKS + 10], calmest[PIECES * MOST_CHUNKS + 10];
    float *const window = c->window, *const loud = window + behind;
    const float volume = (float)c->volume, most = (float)c->most;
    const struct part parts[PARTS] = {
        {c->mean, 2}, {c->guard_meter, 8}, {c->output_meter, 8}, {c->guard, GUARD_FIGURES}, {c->judge, JUDGE_FIGURES},
        {c->clause_powers, CLAUSE_CHUNKS}, {c->clause_full, CLAUSE_CHUNKS},
        {&c->is_steady_for, 1}, {&c->is_silent_for, 1}, {&c->licence_value, 1}, {&c->late_peak, 1},
    };
    double kept[MOST_KEPT];
    struct undo undo;
    int is_bad = 0;
    if (chunks == 0 || chunks > MOST_CHUNKS || frames != chunks * HOPS * HOP || c->logged + hops > c->most_logged)
        return 0;
    for (size_t i = 0; i < count; i++)
        is_bad |= !(__builtin_fabsf(in[i]) <= most);
    if (is_bad)
        return 0;
    keep(parts, kept);
    undo.count = 0;
    for (size_t i = 0; i < behind; i++)
        window[i] = c->declick_late[i];
    lull_high_pass(c->mean, in, hops, HOP, c->weights, c->falling, c->hop_keep, c->still, loud);
    for (size_t i = 0; i < count; i++)
        loud[i] *= volume;
    lull_sharpness(window, DECLICK_LATE + frames, HOP / 2, c->curve, sharpest, calmest);
    if (lull_first_sharp(sharpest, calmest, 2, halves / 2 - 3, 3, c->alone, c->small) < halves / 2 - 3
        || !is_calm(c, &undo, window, chunks, out)) {
        undo_all(&undo);
        put_back(parts, kept);
        return 0;
    }
    for (size_t i = 0; i < behind; i++)
        c->declick_late[i] = window[count + i];
    for (size_t i = 0; i < late; i++) {
        c->limiter_late[i] = window[count - 2 * late + i];
        c->guard_late[i] = window[count - late + i];
    }
    c->energy = energy(out, count);
    c->peak = largest(out, count);
    c->logged += hops;
    return frames;
}
