/** An access token for all calls to a target: fetched by one of those who wait for it, and held until shortly before its end. */

export interface HeldToken {
  /** The Authorization header's value. Throws what the request throws. */
  header(): Promise<string>;
  /** The target does not take this header any more: the next one is new. */
  renew(refused: string): void;
}

export interface TokenAnswer {
  readonly token: string;
  /** From the request on. */
  readonly seconds: number;
}

export interface HoldOptions {
  /** Before it ends: what is sent now arrives later, and clocks differ. */
  readonly marginSeconds: number;
  readonly nowSeconds: () => number;
}

export function holdToken(
  request: (startedAt: number) => Promise<TokenAnswer>,
  { marginSeconds, nowSeconds }: HoldOptions,
): HeldToken {
  let held: { readonly header: string; readonly until: number } | undefined;
  let fetching: Promise<string> | undefined;
  const fetch = async (): Promise<string> => {
    const startedAt = nowSeconds();
    const { token, seconds } = await request(startedAt);
    held = { header: `Bearer ${token}`, until: startedAt + Math.max(seconds - marginSeconds, seconds / 2) };
    return held.header;
  };
  return {
    async header() {
      if (held && nowSeconds() < held.until) return held.header;
      fetching ??= fetch().finally(() => {
        fetching = undefined;
      });
      return fetching;
    },
    renew(refused) {
      if (held?.header === refused) held = undefined;
    },
  };
}
