/** Organizations follow their owners, and then the hub says who is what in them. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { throughHub } from '../../support/hub/index.ts';
import type { Town } from './town.ts';
import {
  Browser,
  claimsOf,
  field,
  goAndCome,
  openAndCome,
  openTown,
  PASSWORD,
  press,
  typePassword,
  until,
} from './town.ts';

let town: Town;
beforeAll(async () => {
  town = await openTown({
    change: (settings) => {
      settings.claimTokens[0].organizations.deleteLegacyMemberships = true;
    },
  });
});
afterAll(() => town?.close());

const text = ({ body }: { readonly body: string }) => body.replace(/<[^>]+>/g, ' ').replace(/\s+/g, ' ');

/** Signs up with what is filled in, and links. */
async function linked(sub: string, browser = new Browser()) {
  const confirm = await openAndCome(town, browser, await town.issue(sub), { signUp: true });
  return press(town, browser, confirm, { choice: 'link' });
}
const personAtHub = (email: string) => town.hub.directory.personByEmail(email)!;
const memberships = () =>
  town.legacySql(
    'select user_id as "user", role, from_hub as hub from memberships where account_id = 70 order by 1',
  );

test('an owner who has linked their account goes on to their organization without another link', async () => {
  const browser = new Browser();
  const done = await linked('shop:1', browser);
  expect(text(done)).toContain('Druckerei Muster GmbH');
  const confirm = await goAndCome(town, browser, done, {}, { organization: '70' });
  expect(confirm.status, text(confirm)).toBe(200);
  expect(text(confirm)).toContain('Druckerei Muster GmbH');
  const after = await press(town, browser, confirm, { choice: 'link' });
  expect(after.status, text(after)).toBe(200);
  const [link] = await town.sql('select * from organization_links');
  const [there] = [...town.hub.directory.organizations.values()];
  expect(link).toMatchObject({ organization: 'shop:70', target_organization_id: there?.id, state: 'linked' });
  expect(there).toMatchObject({ name: 'Druckerei Muster GmbH', countryCode: 'DE' });
  await until(async () => {
    const [row] = await town.legacySql('select hub_organization_id as id from accounts where id = 70');
    return row?.id === there?.id;
  });
});

test('the members at the hub are the members here, and those who were only here are none any more', async () => {
  await until(async () => {
    const rows = await memberships();
    return JSON.stringify(rows) === JSON.stringify([{ user: 1, role: 'owner', hub: true }]);
  });
});

test('somebody who joins at the hub is a member as soon as the webhook comes, and is none when they leave', async () => {
  await linked('shop:2');
  const [organization] = [...town.hub.directory.organizations.values()];
  const otto = personAtHub('otto@print.example');
  town.hub.addMember(organization!.id, otto.id, ['member']);
  await until(async () => (await memberships()).some(({ user, role }) => user === 2 && role === 'staff'));
  town.hub.setRoles(organization!.id, otto.id, ['admin']);
  await until(async () => (await memberships()).some(({ user, role }) => user === 2 && role === 'owner'));
  town.hub.removeMember(organization!.id, otto.id);
  await until(async () => (await memberships()).every(({ user }) => user !== 2));
});

test('an app learns from the token what somebody is in a linked organization, and in others from the old store', async () => {
  const home = await typePassword(town, new Browser(), 'erika');
  const claims = await claimsOf(town, home.location);
  expect(claims['urn:footbridge:organizations']).toEqual(
    expect.arrayContaining([
      { id: 'shop:70', name: 'Druckerei Muster GmbH', roles: ['owner'] },
      { id: 'shop:71', name: 'Papier & Söhne', roles: ['owner'] },
    ]),
  );
});

test('nobody but the owner gets a link for an organization, and the owner not before their own', async () => {
  await expect(town.issue('shop:5', '71')).rejects.toMatchObject({ code: 'owner_needed' });
  await expect(town.issue('shop:3', '71')).rejects.toMatchObject({ code: 'person_first' });
  await expect(town.issue('shop:1', '70')).rejects.toMatchObject({ code: 'organization_linked' });
  await expect(town.issue('shop:1', '99')).rejects.toMatchObject({ code: 'organization_not_found' });
});

test('an organization for which somebody else decides at the hub is not linked', async () => {
  const stranger = town.hub.addPerson({ email: 'stranger@else.example', name: 'Else' });
  const foreign = town.hub.addOrganization({ name: 'Somebody else’s', owner: stranger.id });
  const browser = new Browser();
  const first = await browser.follow(await town.issue('shop:1', '71'), 'http://never');
  // A mailbox is not enough for an organization: its owner logs in.
  const login = await press(town, browser, first, { choice: 'continue' });
  const form = { username: 'erika', password: PASSWORD, form_token: field(login.body, 'form_token') ?? '' };
  const out = await browser.follow(login.url.split('?')[0]!, town.hub.url, { form });
  const back = await throughHub(browser, out.location!, {
    other: { email: 'stranger@else.example' },
    email: 'stranger@else.example',
    organization: foreign.id,
  });
  const refused = await browser.follow(back.location!, 'http://never');
  expect(refused.status, text(refused)).toBe(403);
  expect(await town.sql("select * from organization_links where organization = 'shop:71'")).toEqual([]);
});
