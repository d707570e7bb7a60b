/** oidc-provider's storage in memory, for the demo's target: bounded, and a code is good once even in a race. */
import type { Adapter, AdapterFactory, AdapterPayload } from 'oidc-provider';
import { errors } from 'oidc-provider';

/** A demo with one visitor needs a handful; the oldest go first. */
const MAX_RECORDS = 5_000;

interface Kept {
  readonly payload: AdapterPayload;
  readonly expires: number;
}

export function memoryAdapters(): AdapterFactory {
  const records = new Map<string, Kept>();
  return (kind) => new MemoryAdapter(kind, records);
}

class MemoryAdapter implements Adapter {
  readonly #kind: string;
  readonly #records: Map<string, Kept>;

  constructor(kind: string, records: Map<string, Kept>) {
    this.#kind = kind;
    this.#records = records;
  }

  async upsert(id: string, payload: AdapterPayload, expiresInSeconds: number): Promise<void> {
    this.#records.delete(this.#key(id));
    this.#records.set(this.#key(id), { payload, expires: Date.now() + expiresInSeconds * 1000 });
    if (this.#records.size > MAX_RECORDS) this.#records.delete(this.#records.keys().next().value!);
  }

  async find(id: string): Promise<AdapterPayload | undefined> {
    const kept = this.#records.get(this.#key(id));
    return kept && kept.expires > Date.now() ? kept.payload : undefined;
  }

  async findByUid(uid: string): Promise<AdapterPayload | undefined> {
    const found = [...this.#records].find(
      ([key, { payload }]) => key.startsWith(`${this.#kind}:`) && payload.uid === uid,
    );
    return found && found[1].expires > Date.now() ? found[1].payload : undefined;
  }

  async findByUserCode(): Promise<undefined> {
    return undefined; // the device flow is off
  }

  async consume(id: string): Promise<void> {
    const kept = this.#records.get(this.#key(id));
    // The library looks first and consumes later: of two that looked, only one may go on.
    if (!kept || kept.payload.consumed) throw new errors.InvalidGrant('already used');
    this.#records.set(this.#key(id), {
      ...kept,
      payload: { ...kept.payload, consumed: Math.floor(Date.now() / 1000) },
    });
  }

  async destroy(id: string): Promise<void> {
    this.#records.delete(this.#key(id));
  }

  async revokeByGrantId(grantId: string): Promise<void> {
    for (const [key, { payload }] of this.#records)
      if (payload.grantId === grantId) this.#records.delete(key);
  }

  #key(id: string): string {
    return `${this.#kind}:${id}`;
  }
}
