/** What the stand-in was asked, and what goes wrong with the next requests on purpose. */
import type { JsonValue } from '@bufbuild/protobuf';

/** One request as it came, and its answer. */
export interface Seen {
  readonly verb: string;
  /** With its query. */
  readonly path: string;
  /** `UserService/AddHumanUser`; undefined for what is none of the API's methods. */
  readonly rpc: string | undefined;
  readonly body: JsonValue | undefined;
  /** `x-zitadel-orgid`. */
  readonly organization: string | undefined;
  /** Who asked; undefined when nobody known. */
  readonly userId: string | undefined;
  /** What a 403 was for, which ZITADEL keeps to itself. */
  missingPermission?: string;
  /** Undefined until it was answered, and for good when it was not. */
  status: number | undefined;
  answer: JsonValue | undefined;
}

/**
 * `drop-before`: the connection breaks and nothing is done; `drop-after`: everything is done and the answer never
 * comes; `hang`: nothing is done and nothing comes until the stand-in closes; `hang-after`: everything is done, and nothing
 * comes; a number: that status.
 */
export type Failure = 'drop-before' | 'drop-after' | 'hang' | 'hang-after' | number;

interface Planned {
  readonly what: string | RegExp;
  readonly how: Failure;
  left: number;
}

export class Failures {
  #planned: Planned[] = [];

  /** `what`: `UserService/AddHumanUser`, `AddHumanUser`, or a pattern for `POST /v2/users/human`. */
  plan(what: string | RegExp, how: Failure, times = 1): void {
    this.#planned.push({ what, how, left: times });
  }

  clear(): void {
    this.#planned = [];
  }

  take({ verb, path, rpc }: Pick<Seen, 'verb' | 'path' | 'rpc'>): Failure | undefined {
    const line = `${verb} ${path}`;
    const fits = ({ what, left }: Planned) =>
      left > 0 &&
      (typeof what === 'string'
        ? rpc === what || rpc?.split('/')[1] === what || line === what
        : what.test(line));
    const found = this.#planned.find(fits);
    if (found) found.left--;
    return found?.how;
  }
}

export interface RateLimit {
  /** How many more requests are answered. */
  left: number;
  readonly retryAfterSeconds: number;
}
