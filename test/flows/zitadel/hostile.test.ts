/** What ZITADEL sends twice, too late or in another order, and what somebody else sends in its name. */
import { createHmac } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Person } from '../../../example/demo/people.ts';
import type { Delivery } from '../../support/zitadel/delivery.ts';
import type { Bridge } from './bridge.ts';
import { openBridge, subOf } from './bridge.ts';
import { expectArrived, expectNobody } from './ends.ts';
import { isStandIn } from './place.ts';
import { logInV2 } from './sequences.ts';
import { TARGET } from './settings.ts';

const TITLE = isStandIn
  ? 'calls of ZITADEL'
  : 'calls of ZITADEL [skipped: a real one sends each once, and shows nobody its keys]';

describe.skipIf(!isStandIn)(TITLE, () => {
  let bridge: Bridge;
  beforeAll(async () => {
    bridge = await openBridge({
      change: ({ targets: [target] }) => {
        target.move.typedPasswords = true;
      },
    });
  });
  afterAll(() => bridge?.close());
  beforeEach(() => bridge.fresh());

  /** Everything that a call could change: ours, the shop's, and ZITADEL's. */
  async function everything(): Promise<object> {
    const [ledger, work, outbox, captured, tickets] = await Promise.all([
      bridge.sql('select * from ledger order by sub'),
      bridge.sql('select target, sub, attempts from target_work order by sub'),
      bridge.sql('select count(*)::int as rows from ledger_outbox'),
      bridge.sql('select count(*)::int as rows from captured_passwords'),
      bridge.sql('select count(*)::int as rows from redeemed_tickets'),
    ]);
    const moved = await bridge.shop.sql('select id from customers where moved = 1 order by id');
    const { users, grants, events } = bridge.standIn.instance;
    return structuredClone({
      ...{ ledger, work, outbox, captured, tickets, moved },
      ...{ users: [...users.values()], grants: [...grants.values()], events: events.length },
    });
  }
  const unchanged = async (work: () => Promise<unknown>) => {
    const before = await everything();
    await work();
    expect(await everything()).toEqual(before);
  };
  const sent = (hook: string) =>
    bridge.standIn.deliveries.filter(({ target }) => target.endpoint.endsWith(`/${hook}`));
  const last = (hook: string) => sent(hook).at(-1)!;
  const keyOf = (hook: string) => last(hook).target.signingKey;
  /** A second that nothing was signed at yet. */
  let ahead = 0;
  const soon = () => Math.floor(Date.now() / 1_000) + ++ahead;
  const signed = (body: string, key: string, atSeconds = soon()) => {
    const mac = createHmac('sha256', key).update(`${atSeconds}.${body}`).digest('hex');
    return { body, headers: { 'ZITADEL-Signature': `t=${atSeconds},v1=${mac}` } };
  };
  /** The same message again, as if it were a new one. */
  const again = ({ body, target }: Delivery) => signed(body, target.signingKey);
  const arrive = async (person: Person) => {
    await logInV2(bridge, person);
    await bridge.deliver();
    return expectArrived(bridge, person);
  };

  describe('sent twice', () => {
    test('to the letter are a replay: refused, and nothing changes', async () => {
      await arrive(await bridge.someone());
      await bridge.ownLogin((await bridge.someone()).login, 'wrong');
      await unchanged(async () => {
        for (const hook of ['intent', 'events', 'session']) {
          const { status, answer } = await bridge.standIn.resend(last(hook));
          expect([hook, status, JSON.parse(answer!).code]).toEqual([hook, 409, 'replayed']);
        }
      });
    });

    test('and signed anew, as ZITADEL delivers again, change nothing', async () => {
      await arrive(await bridge.someone());
      await unchanged(async () => {
        for (const hook of ['intent', 'events']) {
          const { status } = await bridge.standIn.resend(last(hook), again(last(hook)));
          expect([hook, status]).toEqual([hook, 200]);
        }
      });
    });

    test('at once, twenty times, make one user', async () => {
      const anna = await bridge.someone('argon2', { role: 'clerk' });
      await logInV2(bridge, anna);
      const held = bridge.standIn.events.held.splice(0);
      const link = held.find(({ type }) => type === 'user.human.externalidp.added')!;
      await bridge.standIn.events.deliver(() => [link]);
      const delivery = last('events');
      const many = Array.from({ length: 20 }, () => again(delivery));
      const answers = await Promise.all(many.map((one) => bridge.standIn.resend(delivery, one)));
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
      await expectArrived(bridge, anna);
      expect(await bridge.row(anna)).toMatchObject({ version: 4 });
    });
  });

  describe('in another order', () => {
    test('events lead to the same end', async () => {
      const anna = await bridge.someone('phpass', { role: 'clerk' });
      await logInV2(bridge, anna);
      await bridge.standIn.events.deliver((held) => [...held].reverse());
      await bridge.deliver();
      await expectArrived(bridge, anna);
      await unchanged(() => bridge.deliver());
    });

    test('the news of a removal before that of the link makes nobody again', async () => {
      const anna = await bridge.someone();
      const outcome = await logInV2(bridge, anna);
      const { userId } = outcome as { userId: string };
      await bridge.operator('DELETE', `/v2/users/${userId}`);
      await bridge.standIn.events.deliver((held) => [...held].reverse());
      expect(await bridge.usersOf(anna)).toEqual([]);
      expect(await bridge.isFlagged(anna)).toBe(false);
    });
  });

  describe('too late', () => {
    test('by six minutes are refused, with a good signature', async () => {
      await arrive(await bridge.someone());
      const then = Math.floor(Date.now() / 1_000) - 360;
      await unchanged(async () => {
        for (const hook of ['intent', 'events']) {
          const late = signed(last(hook).body, keyOf(hook), then);
          expect((await bridge.standIn.resend(last(hook), late)).status).toBe(401);
        }
      });
    });

    test('after the person has moved, been rolled back or forgotten, an event moves nobody', async () => {
      const anna = await bridge.someone();
      await arrive(anna);
      const link = sent('events').findLast(
        ({ payload }) => payload.event_type === 'user.human.externalidp.added',
      )!;
      await unchanged(() => bridge.standIn.resend(link, again(link)));
      for (const verb of ['rollback', 'forget']) {
        await bridge.cli('user', verb, subOf(anna), '--target', TARGET, '--execute');
        await unchanged(() => bridge.standIn.resend(link, signed(link.body, keyOf('events'))));
      }
      await expectNobody(bridge, anna);
      expect(await bridge.row(anna)).toMatchObject({ state: 'deleted' });
    });
  });

  describe('forged', () => {
    test('without a signature, with a wrong one, or over another body are refused', async () => {
      await arrive(await bridge.someone());
      await unchanged(async () => {
        for (const hook of ['intent', 'events', 'session', 'password']) {
          const url = `${bridge.issuer}/hooks/zitadel/${TARGET}/${hook}`;
          const { body, headers } = signed('{}', 'not the key of this hook');
          const calls = [{}, headers, { 'ZITADEL-Signature': 'nonsense' }, last('events').headers];
          for (const one of calls) {
            const answer = await fetch(url, {
              method: 'POST',
              headers: { 'content-type': 'application/json', ...one },
              body,
            });
            expect([hook, answer.status]).toEqual([hook, 401]);
          }
        }
      });
    });

    test('with the key of another hook are refused', async () => {
      await arrive(await bridge.someone());
      await unchanged(async () => {
        const { body } = last('intent');
        const { status } = await bridge.standIn.resend(last('intent'), signed(body, keyOf('events')));
        expect(status).toBe(401);
      });
    });

    test('with a good signature, about somebody who has proved nothing, move nobody', async () => {
      const [anna, victim] = [await bridge.someone(), await bridge.someone()];
      const { id } = await arrive(anna);
      const link = sent('events').findLast(
        ({ payload }) => payload.event_type === 'user.human.externalidp.added',
      )!;
      const body = link.body.replaceAll(subOf(anna), subOf(victim));
      await unchanged(async () => {
        expect((await bridge.standIn.resend(link, signed(body, keyOf('events')))).status).toBe(200);
      });
      expect(await bridge.row(victim)).toBeUndefined();
      expect(await bridge.row(anna)).toMatchObject({ targetUserId: id });
    });

    test('with a good signature, naming a user whom ZITADEL shows without our link, complete nobody', async () => {
      const anna = await bridge.someone();
      await logInV2(bridge, anna);
      const stranger = await bridge.operator<{ userId: string }>('POST', '/v2/users/human', {
        profile: { givenName: 'Some', familyName: 'Body' },
        email: { email: `stranger-${anna.id}@example.com`, isVerified: true },
      });
      const held = bridge.standIn.events.held.find(({ type }) => type === 'user.human.externalidp.added')!;
      bridge.fresh();
      const forged = { ...held, aggregate: { ...held.aggregate, id: stranger.userId } };
      bridge.standIn.events.held.push(forged);
      await bridge.standIn.events.deliver();
      const user = bridge.standIn.instance.users.get(stranger.userId);
      expect([user?.links, user?.password, user?.metadata]).toEqual([[], undefined, {}]);
    });
  });
});
