/** Somebody an operator names: by what they type to log in, or by the sub. */
import { FootbridgeError, isFootbridgeError } from '../errors.ts';
import type { Directory } from '../legacy/directory.ts';
import type { User } from '../user.ts';

/** `problem`: why the legacy store could not say. */
export interface FoundPerson {
  readonly user: User | undefined;
  readonly problem: string | undefined;
}

export async function findUser(
  directory: Pick<Directory, 'findByLogin' | 'userBySub'>,
  wanted: string,
): Promise<FoundPerson> {
  try {
    const user = (await directory.findByLogin(wanted))?.user ?? (await directory.userBySub(wanted));
    return { user, problem: undefined };
  } catch (error) {
    if (!isFootbridgeError(error)) throw error;
    return { user: undefined, problem: error.detail ? `${error.message} (${error.detail})` : error.message };
  }
}

/**
 * The sub; where the store knows nobody by it, what was given may be one, of somebody who is gone there. A store that could not
 * be asked has not said so: throws legacy_unavailable then, unless what was given is a sub.
 */
export async function subOf(
  directory: Pick<Directory, 'findByLogin' | 'userBySub' | 'legacyIdOf'>,
  wanted: string,
): Promise<string> {
  const { user, problem } = await findUser(directory, wanted);
  if (!user && problem && directory.legacyIdOf(wanted) === undefined)
    throw new FootbridgeError('legacy_unavailable', {
      detail: `who ${wanted} is could not be asked: ${problem} Nothing was looked up or changed: name the person by the sub, or try again once the store answers`,
    });
  return user?.sub ?? wanted;
}
