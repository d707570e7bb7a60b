/** How a node is: `ready` says whether it should be sent logins; the parts say why not, in words for people. */
export interface Health {
  readonly ready: boolean;
  readonly parts: Record<string, string>;
}

/** A legacy store that is down does not make a node unready: sessions go on, and another node would not reach it either. */
export async function healthOf(now: {
  readonly checkLegacy: () => Promise<void>;
  readonly storageUp: boolean;
  readonly stopping: boolean;
}): Promise<Health> {
  const legacy = await now.checkLegacy().then(
    () => 'up',
    () => 'down (logins answer 503; sessions go on)',
  );
  return {
    ready: now.storageUp && !now.stopping,
    parts: {
      storage: now.storageUp ? 'up' : 'down',
      legacy,
      ...(now.stopping ? { process: 'stopping' } : {}),
    },
  };
}
