/* Cython's `inline` becomes an order instead of a wish.
 *
 * A register tile is written once, with its number of rows as an argument, and called with literals.
 * Only inlined does the compiler unroll its loops and keep its sums in registers; left to itself it
 * makes one function of all the calls, with the number in a variable.
 */
#ifndef ODYSSEY_INLINE_H
#define ODYSSEY_INLINE_H
#undef CYTHON_INLINE
#define CYTHON_INLINE inline __attribute__((always_inline))

/* x, of which the compiler no longer knows anything: a loop up to it is not unrolled. */
static inline int rolled(int x)
{
    __asm__("" : "+r"(x));
    return x;
}
#endif
