"""C that every kernel starts with: vectors over quadrature points, and functions of them.

GCC's and Clang's vector types are used instead of loops left to the compiler, because the body of
a law has thousands of operations, which compilers do not vectorise. exp and ln are written out
for the same reason; they are good to 2 ulp, overflow to infinity and keep NaN, which is how a
failed Newton step is recognised.
"""

from __future__ import annotations

LANES = 8
"""Width that tables are padded to: that of the widest vectors."""

PRELUDE = """\
#include <math.h>
#include <stdint.h>
#if defined(__AVX512F__)
#define W 8
#elif defined(__AVX__)
#define W 4
#else
#define W 2
#endif
#define PARTS(n) (((n) + W - 1) / W)
#define ALIGNED __attribute__((aligned(64)))
#define INLINE static inline __attribute__((always_inline))
typedef double vec __attribute__((vector_size(8 * W), may_alias));
typedef int64_t ivec __attribute__((vector_size(8 * W), may_alias));

INLINE vec all(double x) { return x - (vec){0}; }
INLINE ivec whole(int64_t x) { return x - (ivec){0}; }
INLINE vec select(ivec mask, vec yes, vec no)
{
  return (vec)((mask & (ivec)yes) | (~mask & (ivec)no));
}
INLINE vec load(const double *p) { return *(const vec *)p; }
INLINE vec v_exp(vec x)
{
  const vec shift = all(0x1.8p52);
  const vec k = x * all(0x1.71547652b82fep0) + shift;
  const vec n = k - shift;
  const vec r = (x - n * all(0x1.62e42fefa0000p-1)) - n * all(0x1.cf79abc9e3b39p-40);
  vec s = all(1.0 / 6227020800.0);
  s = s * r + all(1.0 / 479001600.0);
  s = s * r + all(1.0 / 39916800.0);
  s = s * r + all(1.0 / 3628800.0);
  s = s * r + all(1.0 / 362880.0);
  s = s * r + all(1.0 / 40320.0);
  s = s * r + all(1.0 / 5040.0);
  s = s * r + all(1.0 / 720.0);
  s = s * r + all(1.0 / 120.0);
  s = s * r + all(1.0 / 24.0);
  s = s * r + all(1.0 / 6.0);
  s = s * r + all(0.5);
  s = s * r + all(1.0);
  s = s * r + all(1.0);
  s = s * (vec)(((ivec)k + whole(1023)) << 52);
  s = select(x > all(709.0), all(INFINITY), s);
  return select(x < all(-708.0), all(0.0), s);
}
INLINE vec v_ln(vec x)
{
  const ivec bits = (ivec)x;
  const ivec e = (bits - whole(0x3fe6a09e667f3bcd)) >> 52;
  const vec m = (vec)(bits - (e << 52));
  const vec k = (vec)(e + whole(0x4338000000000000)) - all(0x1.8p52);
  const vec f = m - all(1.0);
  const vec s = f / (f + all(2.0));
  const vec z = s * s;
  vec t = all(1.0 / 21.0);
  t = t * z + all(1.0 / 19.0);
  t = t * z + all(1.0 / 17.0);
  t = t * z + all(1.0 / 15.0);
  t = t * z + all(1.0 / 13.0);
  t = t * z + all(1.0 / 11.0);
  t = t * z + all(1.0 / 9.0);
  t = t * z + all(1.0 / 7.0);
  t = t * z + all(1.0 / 5.0);
  t = t * z + all(1.0 / 3.0);
  vec r = k * all(0x1.62e42fefa0000p-1)
          + (f - s * (f - all(2.0) * z * t) + k * all(0x1.cf79abc9e3b39p-40));
  r = select(x > all(0.0), r, all(NAN));
  r = select(x == all(0.0), all(-INFINITY), r);
  return select(x == all(INFINITY), x, r);
}
INLINE vec v_power(vec x, vec y) { return v_exp(y * v_ln(x)); }
#define LANEWISE(name, function) \\
  INLINE vec name(vec x) \\
  { \\
    for (int l = 0; l < W; ++l) x[l] = function(x[l]); \\
    return x; \\
  }
LANEWISE(v_sqrt, sqrt)
LANEWISE(v_sin, sin)
LANEWISE(v_cos, cos)
LANEWISE(v_tanh, tanh)

/* out[a][:] += sum over k of left[k][a] right[k][:], with as many rows of a in registers as fit. */
#if W == 8
#define REGISTERS 20
#else
#define REGISTERS 12
#endif
#define MOST 24
INLINE void tile(vec *restrict out, const double *restrict left, int stride,
                 const vec *restrict right, int rows, int parts, int depth)
{
  vec sum[MOST];
#pragma GCC unroll 24
  for (int s = 0; s < rows * parts; ++s) sum[s] = out[s];
  for (int k = 0; k < depth; ++k) {
#pragma GCC unroll 24
    for (int s = 0; s < rows * parts; ++s)
      sum[s] += left[k * stride + s / parts] * right[k * parts + s % parts];
  }
#pragma GCC unroll 24
  for (int s = 0; s < rows * parts; ++s) out[s] = sum[s];
}
INLINE void product(vec *restrict out, const double *restrict left, int stride,
                    const vec *restrict right, int rows, int parts, int depth)
{
  const int many = REGISTERS / parts < 1 ? 1 : REGISTERS / parts < rows ? REGISTERS / parts : rows;
  int from = 0;
  for (; from + many <= rows; from += many)
    tile(out + from * parts, left + from, stride, right, many, parts, depth);
  if (rows % many)
    tile(out + from * parts, left + from, stride, right, rows % many, parts, depth);
}
"""
