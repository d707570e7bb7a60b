import { z } from 'zod';
import { FootbridgeError } from '../../errors.ts';
import { connectionOf } from '../../migration/moving/back.ts';
import { linkPair, pairOf } from '../../migration/moving/linking.ts';
import { defineOperation } from '../operation.ts';

export const userLink = defineOperation({
  name: 'user link',
  summary:
    'Says that somebody who is at the target already is this person: shows both, and links them. The next login moves the rest.',
  input: z.strictObject({
    user: z.string().min(1).describe('The sub.'),
    target: z.string().min(1).describe('The target’s name.'),
    targetUserId: z.string().min(1).describe('Which of the target’s users it is.'),
  }),
  positional: ['user'],
  changes: true,
  async run(
    { db, directory, targets, audit, actor },
    { user: sub, target: name, targetUserId },
    { execute },
  ) {
    const target = targets.byName(name);
    if (!target) throw new FootbridgeError('not_found', { detail: `no target is called ${name}` });
    const connection = connectionOf({ targets }, name);
    const deps = { db, directory, connection, pseudonym: audit.pseudonym };
    const linking = { target, sub, targetUserId };
    const pair = await pairOf(deps, linking);
    if (execute) await linkPair(deps, linking, { pair, actor });
    const { user, found } = pair;
    return {
      executed: execute,
      target: name,
      legacy: {
        sub,
        username: user.username,
        name: user.name,
        email: user.email,
        verified: user.emailVerified,
      },
      there: {
        targetUserId,
        loginName: found.loginName,
        email: found.email?.address,
        verified: found.email?.isVerified ?? false,
        state: found.state,
      },
    };
  },
  print: ({ executed, target, legacy, there }) =>
    [
      executed ? 'Linked:' : 'Would link, as the same person:',
      `  in the legacy store   ${legacy.sub}  ${legacy.username ?? ''}  ${address(legacy)}`,
      `  at ${target}   ${there.targetUserId}  ${there.loginName}  ${address(there)}  ${there.state}`,
      executed ? 'The next login moves the rest.' : 'Nothing was changed: add --execute.',
    ].join('\n'),
});

const address = ({ email, verified }: { readonly email?: string | undefined; readonly verified: boolean }) =>
  email ? `${email} (${verified ? 'verified' : 'not verified'})` : 'no email';
