/** Somebody an operator names: by what they type to log in, or by the sub. */
import { isFootbridgeError } from '../errors.ts';
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
    return { user: undefined, problem: error.message };
  }
}

/** The sub; where the store knows nobody by it, what was given may be one, of somebody who is gone there. */
export async function subOf(
  directory: Pick<Directory, 'findByLogin' | 'userBySub'>,
  wanted: string,
): Promise<string> {
  return (await findUser(directory, wanted)).user?.sub ?? wanted;
}
