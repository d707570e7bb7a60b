/** Settings of claim tokens: how people and organizations link their own accounts at a target, and when they have to. */
import { z } from 'zod';
import { count } from '../../settings.ts';
import type { TargetSettings } from '../../targets/target-settings.ts';
import { selectionShape } from '../batch/selection.ts';

/** Not longer than that, whatever the settings say (docs/security.md). */
const MAX_TTL_HOURS = 72;

const role = z.string().min(1).max(200);

const date = z.iso
  .date({ error: 'expected a day like 2026-03-01' })
  .transform((text) => new Date(`${text}T00:00:00Z`));

const enforcementRule = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, { error: 'expected up to 63 of a-z, 0-9 and -' })
    .describe('Names the rule to operators.'),
  from: date.describe('From this day on (UTC) the old login is no longer simply let in.'),
  graceDays: count(0, 365, 14).describe(
    'For so long it still lets in, behind a page that asks to link the account; then it is refused, and the link is mailed.',
  ),
  remindDays: z
    .array(z.int().min(1).max(365))
    .max(10)
    .default([14, 7, 1])
    .describe('So many days before it is refused people are reminded by mail.'),
  who: z
    .strictObject({
      roles: selectionShape.roles,
      groups: selectionShape.groups,
      emailDomains: selectionShape.emailDomains,
      metadata: selectionShape.metadata,
      subs: selectionShape.subs,
    })
    .prefault({})
    .describe('Whom it is for; everybody when nothing is said. All have to fit.'),
});
export type EnforcementRule = z.output<typeof enforcementRule>;

const organizationSettings = z.strictObject({
  deciders: z
    .array(role)
    .min(1)
    .default(['owner', 'admin'])
    .describe('Roles at the target that may link an organization there.'),
  roles: z
    .record(role, z.union([role.transform((one) => [one]), z.array(role)]))
    .default({})
    .describe(
      'What a role there makes somebody here: `admin: manager`. A role that is not named keeps its name.',
    ),
  dropUnknownRoles: z.boolean().default(false).describe('Roles that are not named make nobody anything.'),
  deleteLegacyMemberships: z
    .boolean()
    .default(false)
    .describe(
      'Once an organization is linked, its memberships are deleted in the legacy store (`writes.endMemberships`).',
    ),
  pollMinutes: count(1, 1_440, 15).describe(
    'Its members are read again after so long, whatever webhooks say.',
  ),
});

const claimTokenSettings = z.strictObject({
  target: z.string().min(1).describe('The target’s name; it needs `signIn`.'),
  ttlHours: count(1, MAX_TTL_HOURS, MAX_TTL_HOURS).describe('How long a link is good.'),
  legacyLogin: z
    .enum(['always', 'second-factor', 'never'])
    .default('second-factor')
    .describe(
      'Who has to log in here as well before a link that came by mail or from an operator is followed: everybody; people who have a second factor, which a mailbox must not replace; nobody. For an organization its owner always has to.',
    ),
  signIn: z
    .boolean()
    .default(true)
    .describe(
      'The login page offers to sign in at the target: whoever has linked their account is let in so.',
    ),
  unknown: z
    .enum(['claim', 'create', 'tell'])
    .default('claim')
    .describe(
      'Who signs in at the target and has no account linked: is offered to link theirs; gets a new one (`writes.createPerson`); is told so.',
    ),
  contact: z
    .string()
    .max(200)
    .optional()
    .describe('Where people get help, as a mail address or web address: on pages that cannot go on.'),
  organizations: organizationSettings
    .optional()
    .describe('Organizations are linked as well, by their owners, after their own account; for a hub.'),
  enforcement: z
    .array(enforcementRule)
    .max(50)
    .default([])
    .describe('From when on whom the old login is refused. The first rule that fits counts.'),
  remindersPerHour: count(1, 36_000, 1_000).describe(
    'People reminded of that per hour, of one rule and over all nodes.',
  ),
});
export type ClaimTokenSettings = z.output<typeof claimTokenSettings>;

export const claimTokensSettings = z
  .array(claimTokenSettings)
  .default([])
  .describe('Links by which people prove both sides themselves, where no machine can match their accounts.');

/** What only the settings of all rooms together show to be wrong. */
export function wrongClaimTokens(
  claimTokens: readonly ClaimTokenSettings[],
  {
    targets,
    writes,
    mapsOrganizations,
  }: {
    readonly targets: readonly TargetSettings[];
    readonly writes: ReadonlySet<string>;
    /** Some legacy store says who is in which organization. */
    readonly mapsOrganizations: boolean;
  },
): { readonly path: PropertyKey[]; readonly message: string }[] {
  return claimTokens.flatMap(({ target: name, organizations, enforcement, unknown }, index) => {
    const target = targets.find((one) => one.name === name);
    const wrong: (readonly [PropertyKey[], string])[] = [];
    if (!target) wrong.push([['target'], `there is no target ${name}`]);
    if (target && !target.signIn)
      wrong.push([['target'], `${name} needs \`signIn\`: how people sign in there`]);
    if (claimTokens.findIndex((other) => other.target === name) !== index)
      wrong.push([['target'], `${name} is here twice`]);
    if (organizations && target && target.kind !== 'hub')
      wrong.push([['organizations'], 'only a hub has organizations that can be linked']);
    if (organizations && !mapsOrganizations)
      wrong.push([['organizations'], 'needs `mapping.organizations` of the legacy store: who owns which']);
    if (organizations?.deleteLegacyMemberships && !writes.has('endMemberships'))
      wrong.push([
        ['organizations', 'deleteLegacyMemberships'],
        'needs `writes.endMemberships` of the legacy store',
      ]);
    if (unknown === 'create' && !writes.has('createPerson'))
      wrong.push([['unknown'], '`create` needs `writes.createPerson` of the legacy store']);
    for (const [at, rule] of enforcement.entries())
      if (enforcement.findIndex((other) => other.name === rule.name) !== at)
        wrong.push([['enforcement', at, 'name'], `there are two rules named ${rule.name}`]);
    return wrong.map(([path, message]) => ({ path: [index, ...path], message }));
  });
}
