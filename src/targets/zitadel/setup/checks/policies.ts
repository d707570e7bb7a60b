/** Whether ZITADEL's own rules let people log in with what they have. */
import type { Check, Finding } from '../../../setup.ts';
import type { Context } from '../context.ts';
import { scoped } from '../context.ts';
import { verifierSetting, verifiersOf } from '../hash-proof.ts';
import { policyOf } from '../login-policy.ts';

const ok = (sentence: string): Finding => ({ verdict: 'ok', sentence });

export const policyChecks = (context: Context): Check[] => [
  { id: 'login-policy', title: 'login policy', run: () => login(context) },
  { id: 'domain-policy', title: 'domain policy', run: () => domain(context) },
  { id: 'password-complexity', title: 'password complexity', run: () => complexity(context) },
  { id: 'hash-verifiers', title: 'hash verifiers', run: async () => verifiers(context) },
];

async function login(context: Context): Promise<Finding> {
  const { target } = context;
  const policy = await policyOf(context);
  const where = 'In the login policy (Settings, Login Behavior and Security)';
  if (!policy.allowExternalIdp)
    return {
      verdict: 'wrong',
      sentence: 'The login policy allows no external identity providers: nobody could choose us.',
      todo: `${where} switch on “External login allowed”.`,
    };
  if (target.move.typedPasswords && !policy.allowUsernamePassword)
    return {
      verdict: 'wrong',
      sentence: 'The login policy allows no passwords, and move.typedPasswords waits for some.',
      todo: `${where} switch on “Username Password allowed”, or set move.typedPasswords to false.`,
    };
  if (policy.forceMfa)
    return {
      verdict: 'warn',
      sentence:
        'Everybody must have a second factor there: who has none here has to set one up at the first login.',
      todo: `${where} switch off “Force MFA” until people have moved, if that is too much at once.`,
    };
  return ok('It lets people in the way they come.');
}

async function domain(context: Context): Promise<Finding> {
  const { username } = context.target.users;
  type Answer = { policy?: { userLoginMustBeDomain?: boolean } };
  const { policy } = await scoped(context).call<Answer>('GET', '/policies/domain');
  const isDomainAdded = policy?.userLoginMustBeDomain ?? false;
  if (isDomainAdded && username.from === 'email' && !username.dropDomain)
    return {
      verdict: 'warn',
      sentence:
        'ZITADEL puts the organization’s domain behind every username, and where it makes a user of a login it cuts what is behind the last @: addresses that differ only there are taken for one.',
      todo: 'Set users.username.dropDomain to true if the part before the @ is unique, or users.username.from to username; or switch off “User Loginname contains orgdomain” in the domain policy.',
    };
  if (isDomainAdded)
    return ok(
      'Usernames get the organization’s domain behind them: people log in with it, or with their address.',
    );
  if (username.dropDomain)
    return {
      verdict: 'warn',
      sentence:
        'Usernames are unique in the whole instance, and users.username.dropDomain makes more of them the same.',
      todo: 'Leave the domain in unless the legacy usernames are unique without it.',
    };
  return ok('Usernames stay as they are, and are unique in the whole instance.');
}

interface Complexity {
  readonly minLength?: string;
  readonly hasUppercase?: boolean;
  readonly hasLowercase?: boolean;
  readonly hasNumber?: boolean;
  readonly hasSymbol?: boolean;
}

async function complexity(context: Context): Promise<Finding> {
  const { policy = {} } = await scoped(context).call<{ policy?: Complexity }>(
    'GET',
    '/policies/password/complexity',
  );
  const wanted = [
    `${policy.minLength ?? 0} characters`,
    ...(policy.hasUppercase ? ['a capital letter'] : []),
    ...(policy.hasLowercase ? ['a small letter'] : []),
    ...(policy.hasNumber ? ['a digit'] : []),
    ...(policy.hasSymbol ? ['a symbol'] : []),
  ];
  return ok(
    `New passwords need ${wanted.join(', ')}. Those of today go there as hashes, which are not asked.`,
  );
}

function verifiers(context: Context): Finding {
  return {
    verdict: 'unknown',
    sentence:
      'No API tells which hashes ZITADEL verifies; unless told otherwise, only those of its own hasher (bcrypt).',
    todo: [
      'Set where ZITADEL runs, for what the target’s accepts names, and restart it:',
      `  ${verifierSetting(verifiersOf(context))}`,
      'Then prove it: target check with --prove-hashes --execute.',
    ].join('\n'),
  };
}
