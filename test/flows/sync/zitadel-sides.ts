/** The shop and a ZITADEL, kept equal, and people who are at both. */
import type { HashKindName } from '../../../example/demo/hash-kinds.ts';
import type { Person } from '../../../example/demo/people.ts';
import { until } from '../server.ts';
import { openBridge } from '../zitadel/bridge.ts';
import { TARGET } from '../zitadel/settings.ts';
import { keepEqual, twoSides } from './two-sides.ts';

export const CHOSEN = 'Chosen-at-the-other-side-1';
const LAST_WRITER = ['email', 'emailVerified', 'givenName', 'state'];

/** As many as most tests want one of. */
const CROWD = 10;

export type Mover = Person & { readonly there: string };
export type ZitadelSides = Awaited<ReturnType<typeof openZitadelSides>>;

export async function openZitadelSides() {
  const bridge = await openBridge({
    change: (settings) =>
      keepEqual(settings, TARGET, {
        fields: Object.fromEntries(LAST_WRITER.map((field) => [field, 'last-writer'])),
      }),
  });
  bridge.standIn.events.mode = 'at-once';
  const two = twoSides(bridge, TARGET);
  await two.begin();
  let batches = 0;
  /** In a batch of everybody who is not at ZITADEL yet. */
  async function moved(people: readonly Person[]): Promise<Mover[]> {
    await two.move(`batch-${++batches}`);
    await two.quiet();
    const arrived = people.map(async (person) => {
      const { targetUserId } = (await two.row(person)) ?? {};
      if (!targetUserId) throw new Error(`${person.login} has not arrived`);
      return { ...person, there: targetUserId };
    });
    return Promise.all(arrived);
  }
  async function newcomer(kind: HashKindName = 'bcrypt', more: Partial<Person> = {}): Promise<Mover> {
    const [one] = await moved([await bridge.someone(kind, more)]);
    return one!;
  }
  // A batch for each of them would take seconds.
  const some: Person[] = [];
  while (some.length < CROWD) some.push(await bridge.someone());
  const crowd = await moved(some);
  return {
    bridge,
    two,
    newcomer,
    close: () => bridge.close(),
    /** Somebody of the shop who is at ZITADEL, both sides equal. */
    async someone(kind: HashKindName = 'bcrypt', more: Partial<Person> = {}): Promise<Mover> {
      const isAnybody = kind === 'bcrypt' && Object.keys(more).length === 0;
      return (isAnybody ? crowd.shift() : undefined) ?? newcomer(kind, more);
    },
    /** The person at their own account. */
    me: ({ there }: Mover) => bridge.standIn.account(there),
    user: ({ there }: Mover) => bridge.standIn.instance.users.get(there),
    /** At a login page of the customer's own, by the session API. */
    logsIn: async ({ login }: Person, password: string) =>
      (await bridge.ownLogin(login, password)).kind === 'logged-in',
    opens: ({ there }: Mover, password: string) => bridge.standIn.opens(there, password),
    checks: ({ login }: Person, password: string) => two.check({ login }, password),
    /** We know that ZITADEL has a newer one. */
    isAtTarget: (person: Person) => until(async () => (await two.password(person))?.state === 'at-target'),
    /** As Login V2 does for a person. */
    setByApi: ({ there }: Mover, password: string) =>
      bridge.operator('POST', `/v2/users/${there}/password`, { newPassword: { password } }),
  };
}
