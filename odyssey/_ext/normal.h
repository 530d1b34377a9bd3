/* The share of the normal distribution below x, and gelu, in float by way of double.
 *
 * For a = |x| the share beyond a is exp(-a*a/2) times Mills' ratio over sqrt(2 pi), which is
 * t * P(t) with t = 1 / (1 + 0.3 a): t makes all of [0, inf) an interval, on which a polynomial of
 * degree 9 (weighted least squares until the errors were level) is within 4e-9 of it, relatively, as
 * far as floats go. In float a square as large as 200 would cost the exponential its last digits,
 * and the steps of the polynomial would add up to several ulp; in double, half a register at a time,
 * the results are rounded once: the largest error is 0.6 ulp.
 */
#ifndef ODYSSEY_NORMAL_H
#define ODYSSEY_NORMAL_H

#include "simd.h"

typedef float vhalf32 __attribute__((vector_size(VBYTES / 2), may_alias, aligned(4)));

/* exp(x) for x <= 0 within 6e-9, as vexp_f64 but with fewer terms, and 0 from -700 on: floats have
 * ended before. */
static inline vf64 short_exp_f64(vf64 x)
{
    const vf64 magic = vsplat_f64(0x1.8p52);
    vu64 gone = (vu64)(x < -700.0);
    vf64 shifted = x * 0x1.71547652b82fep+0 + magic;
    vf64 r = x - (shifted - magic) * 0x1.62e42fefa39efp-1;
    vf64 p = r * (1.0 / 5040) + 1.0 / 720;
    p = p * r + 1.0 / 120;
    p = p * r + 1.0 / 24;
    p = p * r + 1.0 / 6;
    p = p * r + 0.5;
    p = p * r + 1.0;
    p = p * r + 1.0;
    return (vf64)(~gone & (vu64)(p * (vf64)(((vu64)shifted - (vu64)magic + 1023) << 52)));
}

/* gelu(w) = w * share, or its slope, share + w * density. */
static inline vf64 gelu_or_slope_f64(vf64 w, int slope)
{
    vu64 negative = (vu64)(w < 0);
    vf64 a = (vf64)((vu64)w & 0x7fffffffffffffffu);
    vf64 e = short_exp_f64(a * a * -0.5);
    vf64 t = 1.0 / (1.0 + 0.3 * a);
    vf64 p = t * -0.020628716660731704 + 0.11246508828338139;
    p = p * t - 0.22828546509467582;
    p = p * t + 0.19188416707201092;
    p = p * t - 0.07950986630204435;
    p = p * t + 0.09620528486041575;
    p = p * t + 0.07837210349579089;
    p = p * t + 0.1102393710017992;
    p = p * t + 0.11957131481121122;
    p = p * t + 0.11968671680000255;
    vf64 beyond = e * p * t, rest = 1.0 - beyond;
    vf64 share = (vf64)((negative & (vu64)beyond) | (~negative & (vu64)rest));
    /* An infinite w times a share or density of 0 is 0: the limit. */
    if (slope) return share + vkeep_f64(w * (e * 0.3989422804014327), e);
    return vkeep_f64(w * share, share);
}

static inline vf32 gelu_or_slope_f32(vf32 x, int slope)
{
    vhalf32 part[2];
    memcpy(part, &x, sizeof x);
    for (int i = 0; i < 2; i++)
        part[i] = __builtin_convertvector(
            gelu_or_slope_f64(__builtin_convertvector(part[i], vf64), slope), vhalf32);
    memcpy(&x, part, sizeof x);
    return x;
}

#endif
