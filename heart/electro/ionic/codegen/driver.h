/* Drivers over all cells, the same for every model.
 *
 * Cells are n columns of `states` (STATES rows, `stride` apart, a multiple of BLOCK), handled in
 * blocks of BLOCK that stay in the first cache during all their sub-steps. Beyond n the padding
 * of a block holds valid cells, so that whole vectors can be computed.
 */

/* The scalars of a call as blocks read them; `h` is where they are worked out. */
#define SCALARS                                                                                    \
    double h[SLOTS], hd[SLOTS * SPREAD] ALIGNED;                                                   \
    float hf[SLOTS * SPREAD * 2] ALIGNED;

static void spread(const double *h, double *hd, float *hf)
{
    const int wide = SPREAD > 1 ? FLANES : 1;
    for (int k = 0; k < SLOTS; k++) {
        for (int j = 0; j < SPREAD; j++) hd[k * SPREAD + j] = h[k];
        for (int j = 0; MIXED && j < wide; j++) hf[k * wide + j] = (float)h[k];
    }
}

/* Parts of whole vectors of either precision that cover the cells of the block at `begin`. */
static long cells_of(long begin, long n)
{
    long count = n - begin < BLOCK ? n - begin : BLOCK;
    return (count + FLANES - 1) / FLANES * FLANES;
}

static const double *stimulus_of(const double *stimulus, long begin, long n, double *local)
{
    if (!stimulus) return local;
    long count = n - begin < BLOCK ? n - begin : BLOCK;
    memcpy(local, stimulus + begin, (size_t)count * sizeof(double));
    for (long k = count; k < BLOCK; k++) local[k] = 0.0;
    return local;
}

/* One step of a block. New states are kept apart where a later pass reads the old ones. */
static double step_block(double *s, long stride, const double *varying, long vstride,
                         const double *stimulus, long count, const double *h, const float *hf,
                         int hold)
{
#if STAGES == 2
    static __thread double middle[STATES * BLOCK] ALIGNED;
    half_block(s, stride, s, middle, BLOCK, varying, vstride, stimulus, count, h, hf, hold);
    return whole_block(s, stride, middle, s, stride, varying, vstride, stimulus, count, h, hf, hold);
#elif APART
    static __thread double b[STATES * BLOCK] ALIGNED;
    double change =
        whole_block(s, stride, s, b, BLOCK, varying, vstride, stimulus, count, h, hf, hold);
    for (int k = 0; k < STATES; k++)
        memcpy(s + k * stride, b + k * BLOCK, (size_t)count * sizeof(double));
    return change;
#else
    return whole_block(s, stride, s, s, stride, varying, vstride, stimulus, count, h, hf, hold);
#endif
}

/* Advance all cells by dt.
 *
 * Block b takes substeps[b] equal sub-steps (none: it is left alone), or `uniform` when substeps
 * is null. With largest_change > 0 the number is raised, up to `most`, until the membrane
 * potential of no cell of the block changes by more than that in a sub-step: a first trial tells
 * the change, and a block that needs more starts again from its copy. Returns the number of
 * block sub-steps that were kept. */
long advance(double *states, long stride, const double *varying, long vstride,
             const double *stimulus, long n, const double *parameters, double dt, double time,
             const signed char *substeps, long uniform, int hold, double largest_change, long most)
{
    SCALARS
    double local[BLOCK] ALIGNED = {0};
    static __thread double saved[STATES * BLOCK];
    long prepared = -1, done = 0;
    prepare(parameters, h);
    for (long begin = 0; begin < n; begin += BLOCK) {
        long wanted = substeps ? substeps[begin / BLOCK] : uniform;
        long count = cells_of(begin, n), passed = 0;
        double *s = states + begin;
        const double *v = varying + begin;
        const double *stim = stimulus_of(stimulus, begin, n, local);
        if (wanted <= 0) continue;
        if (largest_change > 0.0 && wanted < most)
            for (int k = 0; k < STATES; k++)
                memcpy(saved + k * BLOCK, s + k * stride, BLOCK * sizeof(double));
        while (passed < wanted) {
            if (wanted != prepared || TIMED) {
                double part = dt / (double)wanted;
                prepare_step(parameters, part, time + part * (double)passed, h);
                spread(h, hd, hf);
                prepared = wanted;
            }
            double change = step_block(s, stride, v, vstride, stim, count, hd, hf, hold);
            passed++;
            if (largest_change > 0.0 && wanted < most && !(change <= largest_change)) {
                double factor = change < 1e6 ? ceil(change / largest_change) : 2.0;
                double more = (double)wanted * (factor < 2.0 ? 2.0 : factor);
                wanted = more < (double)most ? (long)more : most;
                passed = 0;
                for (int k = 0; k < STATES; k++)
                    memcpy(s + k * stride, saved + k * BLOCK, BLOCK * sizeof(double));
            }
        }
        done += passed;
    }
    return done;
}

#define OBSERVE(name, rows)                                                                        \
    void name(double *states, long stride, const double *varying, long vstride,                    \
              const double *stimulus, long n, const double *parameters, double time, double *out)  \
    {                                                                                              \
        SCALARS                                                                                    \
        double local[BLOCK] ALIGNED = {0};                                                         \
        double result[(rows > 0 ? rows : 1) * BLOCK] ALIGNED;                                      \
        prepare(parameters, h);                                                                    \
        prepare_step(parameters, 0.0, time, h);                                                    \
        spread(h, hd, hf);                                                                         \
        for (long begin = 0; begin < n; begin += BLOCK) {                                          \
            const double *stim = stimulus_of(stimulus, begin, n, local);                           \
            name##_block(states + begin, stride, varying + begin, vstride, stim,                   \
                         cells_of(begin, n), hd, result);                                          \
            size_t kept = (size_t)(n - begin < BLOCK ? n - begin : BLOCK) * sizeof(double);        \
            for (int k = 0; k < rows; k++) memcpy(out + k * n + begin, result + k * BLOCK, kept);  \
        }                                                                                          \
    }
OBSERVE(current, 1)
OBSERVE(monitor, MONITORS)
OBSERVE(rates, STATES)
