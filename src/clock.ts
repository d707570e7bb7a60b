/** Seconds since the epoch, as tokens and signatures count (RFC 7519 section 2, NumericDate). */
export const nowSeconds = (): number => Math.floor(Date.now() / 1_000);
