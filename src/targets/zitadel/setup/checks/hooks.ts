/** Whether ZITADEL will call us. */
import type { Check, Finding } from '../../../setup.ts';
import { byName } from '../action-targets.ts';
import type { Context } from '../context.ts';
import { endpointOf, nameOf, orGone } from '../context.ts';
import { denialOf, isDenied } from '../denylist.ts';
import { knownEvents } from '../executions.ts';
import { conditionsOf, plansFor } from '../hook-plans.ts';

export const hookChecks = (context: Context): Check[] =>
  plansFor(context.target).length === 0
    ? []
    : [
        { id: 'deny-list', title: 'deny-list', run: () => denylist(context) },
        { id: 'events', title: 'events', run: () => events(context) },
      ];

/** It looks at the address when a target is made: so one is made, and removed. */
async function denylist(context: Context): Promise<Finding> {
  const { api } = context;
  const name = nameOf(context, 'probe');
  const remove = (id: string) => orGone(api.call('DELETE', `/v2/actions/targets/${encodeURIComponent(id)}`));
  for (const left of await byName(context, name)) await remove(left.id);
  const body = { name, endpoint: endpointOf(context, 'probe'), timeout: '1s', restAsync: {} };
  try {
    const { id } = await api.call<{ id: string }>('POST', '/v2/actions/targets', { body });
    await remove(id);
    return { verdict: 'ok', sentence: 'ZITADEL may call our hooks.' };
  } catch (error) {
    if (!isDenied(error)) throw error;
    return { verdict: 'wrong', ...denialOf(context) };
  }
}

async function events(context: Context): Promise<Finding> {
  const known = await knownEvents(context);
  if (!known) {
    const todo = 'Give the token events.read. Until then the names of most releases are used.';
    return { verdict: 'warn', sentence: 'ZITADEL does not tell which events it knows.', todo };
  }
  const plan = plansFor(context.target).find(({ hook }) => hook === 'events');
  if (!plan) return { verdict: 'ok', sentence: 'None is needed.' };
  const names = conditionsOf(plan, context, known).flatMap((one) =>
    'event' in one ? [one.event.event] : [],
  );
  const isLinkKnown = names.some((name) => /(idp\.link|externalidp)\.added$/.test(name));
  if (isLinkKnown)
    return { verdict: 'ok', sentence: `It knows ${names.length} of the events that we ask for.` };
  const sentence = 'It knows none of the names that we know for “a user was linked”.';
  return {
    verdict: 'wrong',
    sentence,
    todo: 'This release is too new or too old for this version of Footbridge.',
  };
}
