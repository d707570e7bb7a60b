/**
 * How a node is, for whoever sends it logins and whoever looks after it. What it stands on is asked at its own pace and remembered:
 * a storm of probes reaches nobody, and an answer takes milliseconds however slow a part is.
 */

export type Status = 'ready' | 'degraded' | 'down' | 'stopping';

export interface Health {
  readonly status: Status;
  /** Whether it should be sent logins. */
  readonly ready: boolean;
  /** `up`, or why not, in words for people. */
  readonly parts: Readonly<Record<string, string>>;
}

/** Something a node stands on. */
export interface Part {
  readonly name: string;
  /** Without it nobody can log in here, and another node may be better off. */
  readonly isNeeded?: boolean;
  /** Asked at most so often; 0: it costs nothing, and is asked each time. */
  readonly everyMs: number;
  /** What is wrong, or undefined: it is well. */
  readonly ask: () => string | undefined | Promise<string | undefined>;
}

export interface HealthOptions {
  readonly parts: readonly Part[];
  readonly isStopping: () => boolean;
  /** How long an answer waits for a part, when what is known of it is due to be asked again. */
  readonly patienceMs?: number;
  readonly nowMs?: () => number;
}

const PATIENCE_MS = 150;
const UP = 'up';

export function openHealth(options: HealthOptions): () => Promise<Health> {
  const { isStopping, patienceMs = PATIENCE_MS, nowMs = () => performance.now() } = options;
  const parts = options.parts.map((part) => ({ part, know: remembering(part, nowMs) }));
  return async () => {
    const known = await Promise.all(
      parts.map(async ({ part, know }) => ({ part, wrong: await know(patienceMs) })),
    );
    const isDown = known.some(({ part, wrong }) => part.isNeeded && wrong !== undefined);
    const isLess = known.some(({ wrong }) => wrong !== undefined);
    const status = isStopping() ? 'stopping' : isDown ? 'down' : isLess ? 'degraded' : 'ready';
    return {
      status,
      ready: status === 'ready' || status === 'degraded',
      parts: {
        ...Object.fromEntries(known.map(({ part, wrong }) => [part.name, wrong ?? UP])),
        ...(isStopping() ? { process: 'stopping' } : {}),
      },
    };
  };
}

/** The newest answer; those who ask while it is asked share one question. */
function remembering({ ask, everyMs }: Part, nowMs: () => number) {
  let last: { readonly wrong: string | undefined } | undefined;
  let askedAt = Number.NEGATIVE_INFINITY;
  let underWay: Promise<void> | undefined;
  const begin = () => {
    askedAt = nowMs();
    underWay = Promise.resolve()
      .then(ask)
      .then(
        (wrong) => {
          last = { wrong };
        },
        // Not knowing is no answer: who asks says what an error means.
        () => undefined,
      )
      .finally(() => {
        underWay = undefined;
      });
  };
  return async (patienceMs: number): Promise<string | undefined> => {
    if (!underWay && nowMs() - askedAt >= everyMs) begin();
    if (underWay) await orLater(underWay, patienceMs);
    // Before it has ever answered nothing speaks against it.
    return last?.wrong;
  };
}

async function orLater(work: Promise<void>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  await Promise.race([
    work,
    new Promise<void>((resolve) => {
      timer = setTimeout(resolve, ms);
    }),
  ]);
  clearTimeout(timer);
}
