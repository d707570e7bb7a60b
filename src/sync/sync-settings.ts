/** Settings of sync: which targets are kept equal with the legacy store, and whose word counts. */
import { z } from 'zod';
import { count, secret } from '../settings.ts';
import { signingKey } from '../targets/target-settings.ts';

/** Whose value counts where both sides differ. */
const authority = z
  .enum(['legacy', 'target', 'last-writer', 'ask', 'never'])
  .describe(
    '`legacy`, `target`: that side leads, and the other is made so; `last-writer`: whoever changed it last; `ask`: the same, and where both have changed it a person decides; `never`: it is left alone.',
  );
/** By phase: until the person is cut over, and after. */
const byPhase = z.union([
  authority.transform((one) => ({ before: one, after: one })),
  z.strictObject({
    before: authority.describe('Until the person is cut over.'),
    after: authority.describe('From then on.'),
  }),
]);
const LEADS = { before: 'legacy', after: 'target' } as const;
const field = (what: string) => byPhase.default(LEADS).describe(what);

const fields = z
  .strictObject({
    username: byPhase.default({ before: 'legacy', after: 'never' }).describe('What they log in with.'),
    email: field('Email address.'),
    emailVerified: byPhase
      .default({ before: 'legacy', after: 'never' })
      .describe(
        'Whether it is theirs. What a target says of it is advisory: let it lead only where you trust it.',
      ),
    phone: field('Telephone number.'),
    phoneVerified: byPhase.default({ before: 'legacy', after: 'never' }).describe('Whether it is theirs.'),
    givenName: field('Given name.'),
    familyName: field('Family name.'),
    nickname: field('Nickname.'),
    displayName: field('Full name.'),
    locale: field('Language.'),
    state: field('Whether they may log in.'),
    roles: field('Roles, as far as `users.grants` of the target translates them.'),
    password: byPhase
      .default({ before: 'last-writer', after: 'last-writer' })
      .describe(
        'Password: its hash where the other side reads it, else what is caught at a login or a change.',
      ),
  })
  .prefault({});

export const pairSettings = z.strictObject({
  target: z.string().min(1).describe('The target’s name; it needs `api`.'),
  fields: fields.describe(
    'Whose value counts, by field: one word, or one before the cut-over and one after.',
  ),
  clock: z
    .strictObject({
      toleranceSeconds: count(0, 3_600, 5).describe('Clocks that differ by less are the same.'),
      tie: z
        .enum(['legacy', 'target', 'ask'])
        .default('legacy')
        .describe(
          'Who wins for `last-writer` when both changed it at the same time, or one does not say when.',
        ),
    })
    .prefault({})
    .describe('How `last-writer` compares two clocks.'),
  gone: z
    .strictObject({
      fromLegacy: z
        .enum(['deactivate', 'remove', 'nothing'])
        .default('deactivate')
        .describe('What happens at the target to somebody whom the legacy store has deleted.'),
      fromTarget: z
        .enum(['disable', 'remove', 'nothing'])
        .default('disable')
        .describe('What happens in the legacy store to somebody whom the target has removed.'),
      graceSeconds: count(0, 86_400, 60).describe('Only if they are still gone after so long.'),
      atMost: count(0, 1_000_000, 500).describe(
        'Where more people than so many, or than 5 in 100, vanish within an hour (ten always may), sync is paused and an operator is asked: `footbridge sync resume --let-go`. 0: nobody is asked.',
      ),
    })
    .prefault({})
    .describe('Deletions. Whoever was deleted is never made again.'),
  newInLegacy: z
    .enum(['wait', 'move'])
    .default('wait')
    .describe('Somebody new in the legacy store waits for a login or a batch, or is moved at once.'),
  newAtTarget: z
    .enum(['ignore', 'create'])
    .default('ignore')
    .describe('Somebody new at the target gets a legacy account (`writes.createPerson`), or is left alone.'),
  batch: count(1, 200, 50).describe('People in one turn, and in one call where the target takes many.'),
  atOnce: count(1, 32, 4).describe('Calls to the target at the same time, per node.'),
  maxWaiting: count(1_000, 50_000_000, 5_000_000).describe(
    'When so many people wait, feeds are not read on and intake answers 503, until there are fewer.',
  ),
  attempts: count(1, 100, 8).describe('Failures of one person’s before it is a dead letter.'),
  sweepMinutes: count(0, 10_080, 60).describe(
    'How often both sides are read from end to end for what nobody told. 0: never.',
  ),
});
export type PairSettings = z.output<typeof pairSettings>;

const queue = z
  .discriminatedUnion('engine', [
    z.strictObject({ engine: z.literal('postgresql').describe('Our own database.') }),
    z.strictObject({
      engine: z.literal('nats').describe('NATS JetStream (2.9 or newer), where one database is outgrown.'),
      servers: z.array(z.string().min(1)).min(1).max(16).describe('nats://host:4222, tls://host:4222.'),
      token: secret.optional().describe('Its token.'),
      user: z.string().min(1).optional(),
      password: secret.optional(),
      partitions: count(1, 256, 16).describe(
        'People are spread over so many; each is one node’s at a time. It cannot be changed while something waits.',
      ),
      replicas: count(1, 5, 1).describe('Copies of the stream in a cluster.'),
      prefix: z
        .string()
        .regex(/^[a-z][a-z0-9-]{0,30}$/)
        .default('footbridge')
        .describe('Of streams and subjects.'),
    }),
  ])
  .prefault({ engine: 'postgresql' });
export type QueueSettings = z.output<typeof queue>;

export const syncSettings = z
  .strictObject({
    pairs: z
      .array(pairSettings)
      .max(8)
      .default([])
      .describe('The targets that are kept equal with the legacy store.'),
    queue: queue.describe('Where changes wait.'),
    intake: z
      .strictObject({
        hmacKeys: z.array(signingKey).max(8).default([]).describe('Keys of those who sign what they tell.'),
        perSecond: count(1, 100_000, 5_000).describe('Changes per second and node.'),
      })
      .prefault({})
      .describe(
        'Who may tell of changes in the legacy store (`POST /legacy/changes`), besides clients with the scope `sync:write`.',
      ),
    keepDays: count(1, 90, 14).describe(
      'How long it is kept what was heard, so that it counts once and can be replayed.',
    ),
  })
  .superRefine(({ pairs }, context) => {
    for (const [index, { target }] of pairs.entries())
      if (pairs.findIndex((other) => other.target === target) !== index)
        context.addIssue({
          code: 'custom',
          path: ['pairs', index, 'target'],
          message: `${target} is there already`,
        });
  })
  .describe('Keeping the legacy store and targets equal while both are in use.');
export type SyncSettings = z.output<typeof syncSettings>;
