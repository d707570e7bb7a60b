/** Passwords typed elsewhere than at our login page: at a target, or in a legacy app. The same limits hold for them. */
import { statePart } from '../migration/ledger.ts';
import type { ProvePassword } from '../migration/moving/mover.ts';
import { restOf } from './answer-floor.ts';
import type { PasswordDeps } from './login-limits.ts';
import { tryPassword } from './password-try.ts';

/** RFC 8176. Whoever asked for the password asks for the second factor too. */
const AMR = ['pwd'];

export function passwordProof(deps: PasswordDeps): ProvePassword {
  return async ({ target, login, sub, password, network, signal }) => {
    const startedAt = performance.now();
    const tried = await tryPassword(deps, {
      ...(sub === undefined ? { login: login ?? '' } : { sub }),
      password,
      network,
      clientId: '',
      ...(target ? { target } : {}),
      ledgerPart: (found) => target && statePart(target.name, found),
      ...(signal ? { signal } : {}),
    });
    switch (tried.kind) {
      case 'matched': {
        const { entry, moved, carried, cleared } = tried;
        // Of people who have left for good the legacy password proves nothing any more, and takes no less time to refuse.
        if (moved) {
          await restOf(startedAt, deps.failureFloorMs);
          return { kind: 'wrong' };
        }
        return { kind: 'proved', entry, amr: AMR, writes: [...cleared, ...carried] };
      }
      case 'locked':
        return { kind: 'disabled' };
      case 'wrong':
        return { kind: 'wrong' };
      case 'throttled':
        return tried;
    }
  };
}
