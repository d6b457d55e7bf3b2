/* Vectors of doubles (d_) and floats (f_) with the functions that generated kernels call.
 *
 * One vector is as wide as the machine has: 8 doubles with AVX-512, 4 with AVX, 2 otherwise
 * (SSE2, NEON, or whatever the compiler makes of it). All functions are inline, have no branches
 * and pass NaN through. Exponentials are in base 2 (the caller folds log2(e) into its
 * coefficients) and hold to 1e-14; 2^x stays finite (x is cut at 1000) so that its reciprocal exists.
 */
#include <math.h>
#include <stdint.h>
#include <string.h>
#if defined(__AVX512F__) && defined(__AVX512DQ__) && defined(__AVX512VL__)
#include <immintrin.h>
#define WIDE 1
#define LANES 8
#elif defined(__AVX__)
#include <immintrin.h>
#define WIDE 0
#define HALF_WIDE 1
#define LANES 4
#else
#define WIDE 0
#define LANES 2
#endif
#define FLANES (2 * LANES)
#define BYTES (8 * LANES)
#define ALIGNED __attribute__((aligned(64)))
#define INLINE static inline __attribute__((always_inline))

typedef double vd __attribute__((vector_size(BYTES)));
typedef float vf __attribute__((vector_size(BYTES)));
typedef int64_t vl __attribute__((vector_size(BYTES)));
typedef int32_t vi __attribute__((vector_size(BYTES)));
typedef float vh __attribute__((vector_size(BYTES / 2)));

INLINE vd d_set(double a) { return (vd){} + a; }
INLINE vf f_set(float a) { return (vf){} + a; }
INLINE vd d_load(const double *p) { return *(const vd *)p; }
INLINE void d_store(double *p, vd a) { *(vd *)p = a; }
INLINE vd d_loadf(const float *p) { return __builtin_convertvector(*(const vh *)p, vd); }
INLINE void f_store(float *p, vf a) { *(vf *)p = a; }
INLINE vf f_load(const float *p) { return *(const vf *)p; }
/* Scalar k of a call. AVX-512 broadcasts an operand as it is read; AVX needs an instruction for it,
 * so there a scalar is kept as a whole vector. */
#if HALF_WIDE
#define SPREAD LANES
INLINE vd d_scalar(const double *h, long k) { return d_load(h + k * LANES); }
INLINE vf f_scalar(const float *h, long k) { return f_load(h + k * FLANES); }
#else
#define SPREAD 1
INLINE vd d_scalar(const double *h, long k) { return d_set(h[k]); }
INLINE vf f_scalar(const float *h, long k) { return f_set(h[k]); }
#endif
INLINE vf f_loadd(const double *p)
{
#if WIDE
    __m512 low = _mm512_castps256_ps512(_mm512_cvtpd_ps(_mm512_load_pd(p)));
    return (vf)_mm512_insertf32x8(low, _mm512_cvtpd_ps(_mm512_load_pd(p + LANES)), 1);
#else
    union { vh half[2]; vf whole; } u;
    u.half[0] = __builtin_convertvector(*(const vd *)p, vh);
    u.half[1] = __builtin_convertvector(*(const vd *)(p + LANES), vh);
    return u.whole;
#endif
}

#if WIDE
typedef __mmask8 md;
typedef __mmask16 mf;
INLINE md d_lt(vd a, vd b) { return _mm512_cmp_pd_mask((__m512d)a, (__m512d)b, _CMP_LT_OQ); }
INLINE md d_le(vd a, vd b) { return _mm512_cmp_pd_mask((__m512d)a, (__m512d)b, _CMP_LE_OQ); }
INLINE md d_eq(vd a, vd b) { return _mm512_cmp_pd_mask((__m512d)a, (__m512d)b, _CMP_EQ_OQ); }
INLINE mf f_lt(vf a, vf b) { return _mm512_cmp_ps_mask((__m512)a, (__m512)b, _CMP_LT_OQ); }
INLINE mf f_le(vf a, vf b) { return _mm512_cmp_ps_mask((__m512)a, (__m512)b, _CMP_LE_OQ); }
INLINE mf f_eq(vf a, vf b) { return _mm512_cmp_ps_mask((__m512)a, (__m512)b, _CMP_EQ_OQ); }
INLINE vd d_select(md m, vd a, vd b) { return (vd)_mm512_mask_blend_pd(m, (__m512d)b, (__m512d)a); }
INLINE vf f_select(mf m, vf a, vf b) { return (vf)_mm512_mask_blend_ps(m, (__m512)b, (__m512)a); }
/* The second operand comes back when one is NaN. */
INLINE vd d_min(vd a, vd b) { return (vd)_mm512_min_pd((__m512d)a, (__m512d)b); }
INLINE vd d_max(vd a, vd b) { return (vd)_mm512_max_pd((__m512d)a, (__m512d)b); }
INLINE vf f_min(vf a, vf b) { return (vf)_mm512_min_ps((__m512)a, (__m512)b); }
INLINE vf f_max(vf a, vf b) { return (vf)_mm512_max_ps((__m512)a, (__m512)b); }
#else
typedef vl md;
typedef vi mf;
INLINE md d_lt(vd a, vd b) { return a < b; }
INLINE md d_le(vd a, vd b) { return a <= b; }
INLINE md d_eq(vd a, vd b) { return a == b; }
INLINE mf f_lt(vf a, vf b) { return a < b; }
INLINE mf f_le(vf a, vf b) { return a <= b; }
INLINE mf f_eq(vf a, vf b) { return a == b; }
#if HALF_WIDE
/* One instruction each, where the compiler makes four of the expressions below. */
INLINE vd d_select(md m, vd a, vd b) { return (vd)_mm256_blendv_pd((__m256d)b, (__m256d)a, (__m256d)m); }
INLINE vf f_select(mf m, vf a, vf b) { return (vf)_mm256_blendv_ps((__m256)b, (__m256)a, (__m256)m); }
INLINE vd d_min(vd a, vd b) { return (vd)_mm256_min_pd((__m256d)a, (__m256d)b); }
INLINE vd d_max(vd a, vd b) { return (vd)_mm256_max_pd((__m256d)a, (__m256d)b); }
INLINE vf f_min(vf a, vf b) { return (vf)_mm256_min_ps((__m256)a, (__m256)b); }
INLINE vf f_max(vf a, vf b) { return (vf)_mm256_max_ps((__m256)a, (__m256)b); }
#else
INLINE vd d_select(md m, vd a, vd b) { return (vd)((m & (vl)a) | (~m & (vl)b)); }
INLINE vf f_select(mf m, vf a, vf b) { return (vf)((m & (vi)a) | (~m & (vi)b)); }
INLINE vd d_min(vd a, vd b) { return d_select(a < b, a, b); }
INLINE vd d_max(vd a, vd b) { return d_select(a > b, a, b); }
INLINE vf f_min(vf a, vf b) { return f_select(a < b, a, b); }
INLINE vf f_max(vf a, vf b) { return f_select(a > b, a, b); }
#endif
#endif
/* & | and the bitwise complement serve both kinds of mask. */

INLINE vd d_abs(vd a) { return (vd)((vl)a & INT64_MAX); }
INLINE vf f_abs(vf a) { return (vf)((vi)a & INT32_MAX); }

#define EACH(name, type, lanes, function)                                                          \
    INLINE type name(type a)                                                                       \
    {                                                                                              \
        for (int i = 0; i < lanes; i++) a[i] = function(a[i]);                                     \
        return a;                                                                                  \
    }
#define EACH_BOTH(name) EACH(d_##name, vd, LANES, name) EACH(f_##name, vf, FLANES, name##f)
EACH_BOTH(sin) EACH_BOTH(cos) EACH_BOTH(tan) EACH_BOTH(asin) EACH_BOTH(acos) EACH_BOTH(atan)
#if WIDE
INLINE vd d_sqrt(vd a) { return (vd)_mm512_sqrt_pd((__m512d)a); }
INLINE vf f_sqrt(vf a) { return (vf)_mm512_sqrt_ps((__m512)a); }
INLINE vd d_floor(vd a) { return (vd)_mm512_roundscale_pd((__m512d)a, 9); }
INLINE vf f_floor(vf a) { return (vf)_mm512_roundscale_ps((__m512)a, 9); }
INLINE vd d_ceil(vd a) { return (vd)_mm512_roundscale_pd((__m512d)a, 10); }
INLINE vf f_ceil(vf a) { return (vf)_mm512_roundscale_ps((__m512)a, 10); }
#elif HALF_WIDE
INLINE vd d_sqrt(vd a) { return (vd)_mm256_sqrt_pd((__m256d)a); }
INLINE vf f_sqrt(vf a) { return (vf)_mm256_sqrt_ps((__m256)a); }
INLINE vd d_floor(vd a) { return (vd)_mm256_floor_pd((__m256d)a); }
INLINE vf f_floor(vf a) { return (vf)_mm256_floor_ps((__m256)a); }
INLINE vd d_ceil(vd a) { return (vd)_mm256_ceil_pd((__m256d)a); }
INLINE vf f_ceil(vf a) { return (vf)_mm256_ceil_ps((__m256)a); }
#else
EACH_BOTH(sqrt) EACH_BOTH(floor) EACH_BOTH(ceil)
#endif

/* 1 / a. The estimate of 14 bits is refined to the last but one; there is none of 0 and infinity,
 * which become NaN (generated code divides by sums of positive terms, and 2^x is kept finite). */
#if WIDE
INLINE vd d_rcp(vd a)
{
    __m512d r = _mm512_rcp14_pd((__m512d)a);
    vd e = 1.0 - a * (vd)r;
    vd u = (vd)r + (vd)r * e;
    return u + u * (e * e);
}
INLINE vf f_rcp(vf a)
{
    __m512 r = _mm512_rcp14_ps((__m512)a);
    vf e = 1.0f - a * (vf)r;
    return (vf)r + (vf)r * e;
}
#else
INLINE vd d_rcp(vd a) { return 1.0 / a; }
INLINE vf f_rcp(vf a) { return 1.0f / a; }
#endif
INLINE vd d_rcp_exact(vd a) { return 1.0 / a; }
INLINE vf f_rcp_exact(vf a) { return 1.0f / a; }

/* 2^x = s (1 + r q(r)): the two functions differ in whether 1 is taken off before rounding. */
#if WIDE
#define D_SPLIT                                                                                    \
    const vd table = {1.0, 1.0905077326652577, 1.189207115002721, 1.2968395546510096,              \
                      1.4142135623730951, 1.5422108254079407, 1.681792830507429,                   \
                      1.8340080864093424};                                                         \
    x = d_min(d_set(1000.0), x);                                                                   \
    vd t = x + 0x1.8p49;                                                                           \
    vd k = t - 0x1.8p49;                                                                           \
    vd r = x - k;                                                                                  \
    vd s = (vd)_mm512_permutexvar_pd((__m512i)t, (__m512d)table);                                  \
    vd q = ((((0.0001540430475647682 * r + 0.0013334451887507994) * r + 0.009618129096285193) * r  \
             + 0.055504108533901385) * r + 0.24022650695910316) * r + 0.6931471805599737;
INLINE vd d_exp2(vd x)
{
    D_SPLIT
    return (vd)_mm512_scalef_pd((__m512d)(s + (s * r) * q), (__m512d)k);
}
INLINE vd d_exp2m1(vd x)
{
    D_SPLIT
    s = (vd)_mm512_scalef_pd((__m512d)s, (__m512d)k);
    return (s - 1.0) + (s * r) * q;
}
#else
/* The bias of the exponent is part of the number that rounds. */
#define D_ROUND (0x1.8p52 + 1023.0)
#define D_SPLIT                                                                                    \
    x = d_max(d_set(-1000.0), d_min(d_set(1000.0), x));                                            \
    vd t = x + D_ROUND;                                                                            \
    vd r = x - (t - D_ROUND);                                                                      \
    vd s = (vd)((vl)t << 52);                                                                      \
    vd r2 = r * r;                                                                                 \
    vd q = D_POLYNOMIAL;
/* Even and odd powers side by side: half the time to wait for one more instruction. */
#define D_POLYNOMIAL                                                                               \
    ((((7.029739417118068e-09 * r2 + 1.3215694905645028e-06) * r2 + 0.0001540352992940961) * r2    \
    + 0.009618129108017553) * r2 + 0.24022650695909067) * r                                        \
    + ((((1.0207944882728269e-07 * r2 + 1.5252661262658634e-05) * r2 + 0.0013333558222954653) * r2 \
    + 0.05550410866449674) * r2 + 0.6931471805599491)
INLINE vd d_exp2(vd x) { D_SPLIT return s + (s * r) * q; }
INLINE vd d_exp2m1(vd x) { D_SPLIT return (s - 1.0) + (s * r) * q; }
#endif
#if WIDE
#define F_RANGE x = f_min(f_set(126.0f), x);
#define F_ROUND 0x1.8p23f
#define F_SCALE vf s = (vf)_mm512_scalef_ps(_mm512_set1_ps(1.0f), (__m512)(t - 0x1.8p23f));
#else
#define F_RANGE x = f_max(f_set(-126.0f), f_min(f_set(126.0f), x));
#define F_ROUND (0x1.8p23f + 127.0f)
#define F_SCALE vf s = (vf)((vi)t << 23);
#endif
#define F_SPLIT                                                                                    \
    F_RANGE                                                                                        \
    vf t = x + F_ROUND;                                                                            \
    vf r = x - (t - F_ROUND);                                                                      \
    F_SCALE                                                                                        \
    vf q = ((((0.00015453163f * r + 0.00133908634f) * r + 0.00961808256f) * r + 0.0555035711f)     \
            * r + 0.240226508f) * r + 0.693147188f;
INLINE vf f_exp2(vf x) { F_SPLIT return s + (s * r) * q; }
INLINE vf f_exp2m1(vf x) { F_SPLIT return (s - 1.0f) + (s * r) * q; }

/* log(a): exponent and mantissa in [sqrt(1/2), sqrt(2)), and the odd series of atanh. */
INLINE vd d_log(vd a)
{
    const int64_t half_root = 0x3fe6a09e667f3bcd, one = 0x3ff0000000000000;
    vl shifted = (vl)a + (one - half_root);
    vl power = (vl)((vl)shifted >> 52);
    vd m = (vd)((vl)a - ((power - 1023) << 52));
    vd k = (vd)((power & 0x7ff) | 0x4330000000000000) - (0x1p52 + 1023.0);
    vd f = m - 1.0;
    vd s = f * d_rcp(f + 2.0);
    vd z = s * s;
    vd p = ((((((1.479819860511658591e-01 * z + 1.531383769920937332e-01) * z +
        1.818357216161805012e-01) * z + 2.222219843214978396e-01) * z +
        2.857142874366239149e-01) * z + 3.999999999940941908e-01) * z +
        6.666666666666735130e-01);
    vd half = 0.5 * f * f;
    vd low = s * (half + z * p) + k * 1.9082149292705877e-10;
    vd result = k * 6.93147180369123816490e-01 - ((half - low) - f);
    result = d_select(d_lt(a, d_set(0x1p-1022)), d_set(-HUGE_VAL), result);
    return d_select(d_le(d_set(0.0), a), result, d_set(NAN));
}
INLINE vf f_log(vf a)
{
    const int32_t half_root = 0x3f3504f3, one = 0x3f800000;
    vi shifted = (vi)a + (one - half_root);
    vi power = shifted >> 23;
    vf m = (vf)((vi)a - ((power - 127) << 23));
    vf k = __builtin_convertvector(power - 127, vf);
    vf f = m - 1.0f;
    vf s = f * f_rcp(f + 2.0f);
    vf z = s * s;
    vf p = ((0.24279079f * z + 0.28498787f) * z + 0.40000972f) * z + 0.66666662f;
    vf half = 0.5f * f * f;
    vf low = s * (half + z * p) + k * 9.05800061e-06f;
    vf result = k * 6.93138123e-01f - ((half - low) - f);
    result = f_select(f_lt(a, f_set(0x1p-126f)), f_set(-HUGE_VALF), result);
    return f_select(f_le(f_set(0.0f), a), result, f_set(NAN));
}

/* a^b of a >= 0. */
INLINE vd d_pow(vd a, vd b) { return d_exp2(b * (1.4426950408889634 * d_log(d_max(d_set(0x1p-1000), a)))); }
INLINE vf f_pow(vf a, vf b) { return f_exp2(b * (1.442695041f * f_log(f_max(f_set(0x1p-120f), a)))); }

/* With y = x log2(e): x / (exp(x) - 1), its derivative by x, and (exp(x) - 1) / x. Only x = 0 needs
 * care, since exp2m1 is exact to the last digits for small arguments. */
#define LN2 0.6931471805599453
INLINE vd d_bernoulli(vd y)
{
    y = d_select(d_lt(d_abs(y), d_set(1e-30)), d_set(1e-30), y);
    return LN2 * y * d_rcp(d_exp2m1(y));
}
INLINE vd d_bernoulli_slope(vd y)
{
    md near = d_lt(d_abs(y), d_set(1e-5));
    vd x = LN2 * d_select(near, d_set(1.0), y);
    vd r = d_rcp(d_exp2m1(x * (1.0 / LN2)));
    return d_select(near, (LN2 / 6.0) * y - 0.5, ((1.0 - x) - x * r) * r);
}
INLINE vd d_exprel(vd y)
{
    y = d_select(d_lt(d_abs(y), d_set(1e-30)), d_set(1e-30), y);
    return (1.0 / LN2) * d_exp2m1(y) * d_rcp(y);
}
INLINE vf f_bernoulli(vf y)
{
    y = f_select(f_lt(f_abs(y), f_set(1e-15f)), f_set(1e-15f), y);
    return (float)LN2 * y * f_rcp(f_exp2m1(y));
}
INLINE vf f_bernoulli_slope(vf y)
{
    mf near = f_lt(f_abs(y), f_set(1e-2f));
    vf x = (float)LN2 * f_select(near, f_set(1.0f), y);
    vf r = f_rcp(f_exp2m1(x * (float)(1.0 / LN2)));
    return f_select(near, (float)(LN2 / 6.0) * y - 0.5f, ((1.0f - x) - x * r) * r);
}
INLINE vf f_exprel(vf y)
{
    y = f_select(f_lt(f_abs(y), f_set(1e-15f)), f_set(1e-15f), y);
    return (float)(1.0 / LN2) * f_exp2m1(y) * f_rcp(y);
}
