/** An operator's days with claim tokens, over the real command line and API. Each test goes on where the last has ended. */
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { parse, stringify } from 'yaml';
import type { Json, OperatorsTown } from './operator-desk.ts';
import { jsonOf, openAsOwner, openOperatorsTown } from './operator-desk.ts';
import type { Settings } from './town.ts';
import { APP_CALLBACK, Browser, openAndCome, press, TARGET, until } from './town.ts';

/** Several processes after one another. */
vi.setConfig({ testTimeout: 120_000 });

let town: OperatorsTown;
const footbridge: OperatorsTown['footbridge'] = (...asked) => town.footbridge(...asked);
const api: OperatorsTown['api'] = (...asked) => town.api(...asked);
beforeAll(async () => {
  town = await openOperatorsTown((settings) => {
    settings.claimTokens[0].enforcement = [
      { name: 'paper', from: '2020-01-01', who: { emailDomains: ['paper.example'] } },
      { name: 'everybody', from: '2999-01-01' },
    ];
  });
});
afterAll(() => town?.close());

const secretOf = (link: string) => link.split('.').at(-1)!;

describe('before anybody gets a link', () => {
  test('the settings are checked, and a mistake is told with file, line, column and path', async () => {
    expect(await footbridge('config check', { isProcess: true })).toMatchObject({ code: 0, err: '' });
    const file = parse(readFileSync(town.configFile, 'utf8')) as Settings;
    delete file.targets[0].signIn;
    file.claimTokens[0].enforcement[0].from = '1.1.2020';
    const config = join(dirname(town.configFile), 'mistaken.yaml');
    writeFileSync(config, stringify(file), { mode: 0o600 });
    const { code, err } = await footbridge('config check', { config, isProcess: true });
    expect(code).toBe(1);
    expect(err).toMatch(/mistaken\.yaml:\d+:\d+ claimTokens\.0\.enforcement\.0\.from: expected a day like/);
    file.claimTokens[0].enforcement[0].from = '2020-01-01';
    writeFileSync(config, stringify(file), { mode: 0o600 });
    const second = await footbridge('config check', { config });
    expect(second.err).toMatch(/mistaken\.yaml:\d+:\d+ claimTokens\.0\.target: hub needs `signIn`/);
  });

  test('the mail server is looked at, and a letter is shown without being sent', async () => {
    expect(await footbridge('mail check')).toMatchObject({
      code: 0,
      out: 'The mail server answers and lets us in.\n',
    });
    const { code, out } = await footbridge('mail preview --letter claim-account --language de');
    expect(code).toBe(0);
    expect(out).toMatch(/^Subject: .*The Hub[\s\S]*\[link\]/);
    expect(town.mailbox.mails).toEqual([]);
  });
});

describe('a link for one person', () => {
  let link = '';
  let id = '';

  test('is rehearsed without --execute: whom it would be for, and why others may have none', async () => {
    const dry = await footbridge('claim issue --user shop:1 --target hub');
    expect(dry).toMatchObject({ code: 0, err: '' });
    expect(dry.out).toContain('shop:1  erika  Erika Muster  erika@print.example (verified)');
    expect(dry.out).toContain('Nothing was changed: add --execute.');
    const nobody = await footbridge('claim issue --user shop:99 --target hub --json');
    expect([nobody.code, jsonOf(nobody).refused.code]).toEqual([1, 'user_not_found']);
    const unproved = await footbridge('claim issue --user shop:4 --target hub --mail');
    expect([unproved.code, unproved.out]).toEqual([1, expect.stringContaining('(no_verified_address)')]);
    const nowhere = await footbridge('claim issue --user shop:1 --target hubb');
    expect([nowhere.code, nowhere.err]).toEqual([2, expect.stringContaining('nothing of hubb; it has hub')]);
    expect(await town.sql('select 1 from claim_tokens')).toEqual([]);
  });

  test('is shown once, and neither told nor kept afterwards', async () => {
    const issued = await footbridge('claim issue --user shop:1 --target hub --execute --json', {
      isProcess: true,
    });
    expect(issued.code).toBe(0);
    ({ link, id } = jsonOf(issued));
    expect(link.startsWith(`${town.issuer}/claim/`)).toBe(true);
    const said = [
      await footbridge('claim list'),
      await footbridge(`claim show ${id} --json`),
      await footbridge('user show erika --json'),
      await footbridge('audit export'),
    ];
    for (const { code } of said) expect(code).toBe(0);
    expect(said[0]!.out).toContain(id);
    const kept = await town.sql('select to_jsonb(t) as kept from claim_tokens t');
    expect(JSON.stringify([said, kept, town.server.output()])).not.toContain(secretOf(link));
  });

  test('is told of at every step, up to whom it has linked', async () => {
    const browser = new Browser();
    const confirm = await openAndCome(town, browser, link, { signUp: true });
    expect((await footbridge(`claim show ${id}`)).out).toContain(`Link ${id}, at the target`);
    expect((await press(town, browser, confirm, { choice: 'link' })).status).toBe(200);
    const there = (await town.ledger('shop:1'))?.there;
    const shown = await footbridge('user show erika');
    expect(shown.out).toContain(`hub        migrated as ${there}`);
    expect(shown.out).toContain(`at hub: 1 made, 0 open; the newest is claimed (claim show ${id})`);
    expect(shown.out).toContain('owner of   Druckerei Muster GmbH (shop:70), owner: not linked at hub');
    const again = await footbridge('claim issue --user shop:1 --target hub');
    expect([again.code, again.out]).toEqual([1, expect.stringContaining('(user_linked)')]);
  });

  test('goes out by mail and is shown to nobody; an address that is refused leaves no link', async () => {
    const sent = await footbridge('claim issue --user shop:2 --target hub --mail --execute');
    expect([sent.code, sent.out]).toEqual([0, expect.stringContaining('was mailed to otto@print.example')]);
    const letter = await town.mailbox.letterTo('otto@print.example');
    const mailed = /fbcp1\.[\w-]+/.exec(letter.text ?? '')?.[0] ?? '';
    expect(mailed).not.toBe('');
    expect(sent.out).not.toContain(secretOf(mailed));
    expect(await town.tokensOf('shop:2')).toMatchObject([{ state: 'open', sentAt: expect.any(Date) }]);
    town.mailbox.refusals.set('anna@paper.example', '550 5.1.1 unknown');
    const refused = await footbridge('claim issue --user shop:3 --target hub --mail --execute');
    town.mailbox.refusals.clear();
    expect([refused.code, refused.out]).toEqual([1, expect.stringContaining('The link was taken back.')]);
    expect(await town.tokensOf('shop:3')).toMatchObject([{ state: 'revoked', sentAt: null }]);
  });

  test('is taken back, and is good no more', async () => {
    const { body } = await api('claim/issue', { user: 'shop:2', target: TARGET, execute: true });
    const dry = await footbridge('claim revoke --user shop:2');
    expect(dry).toMatchObject({ code: 0, out: expect.stringContaining('Would take back 2 links') });
    expect((await new Browser().follow(body.link, 'http://never')).status).toBe(200);
    expect((await footbridge('claim revoke --user shop:2 --execute')).out).toBe('2 links taken back.\n');
    expect((await new Browser().follow(body.link, 'http://never')).status).toBe(410);
    expect((await footbridge('claim revoke --user shop:2 --execute')).out).toBe('No such link is open.\n');
  });
});

describe('over HTTP', () => {
  test('nothing opens without the token, and each mistake is a problem document', async () => {
    const asked = { user: 'shop:2', target: TARGET, execute: true };
    expect(await api('claim/issue', asked, 'wrong')).toMatchObject({ status: 401 });
    const cases: [string, object, number, string][] = [
      ['claim/issue', { ...asked, user: 'shop:99' }, 404, 'user_not_found'],
      ['claim/issue', { ...asked, user: 'shop:1' }, 409, 'user_linked'],
      ['claim/issue', { ...asked, user: 'shop:4', mail: true }, 409, 'no_verified_address'],
      ['claim/issue', { ...asked, mails: true }, 400, 'bad_request'],
      ['claim/issue', { user: 'shop:2' }, 400, 'bad_request'],
      ['claim/status', { target: 'hubb' }, 404, 'not_found'],
      ['claim/rules', { pause: 'paper', execute: true }, 400, 'bad_request'],
      ['claim/show', { id: 'x' }, 404, 'claim_token_unknown'],
      [
        'claim/unlink',
        { organization: 'shop:70', target: TARGET, execute: true },
        404,
        'organization_not_found',
      ],
    ];
    for (const [name, body, status, code] of cases)
      expect(await api(name, body), name).toMatchObject({ status, body: { code } });
    expect(await api('claim/issue', { user: 'shop:99', target: TARGET })).toMatchObject({
      status: 200,
      body: { executed: false, refused: { code: 'user_not_found' } },
    });
  });

  test('an organization gets its link, and is told of with its members once it is linked', async () => {
    const asked = { user: 'shop:1', target: TARGET, organization: '70' };
    const { status, body } = await api('claim/issue', { ...asked, execute: true });
    expect([status, body.organization]).toEqual([200, { key: 'shop:70', name: 'Druckerei Muster GmbH' }]);
    const browser = new Browser();
    const owner = { link: body.link, username: 'erika', email: 'erika@print.example' };
    const confirm = await openAsOwner(town, browser, owner);
    expect((await press(town, browser, confirm, { choice: 'link' })).status).toBe(200);
    await until(async () => {
      const { organizations } = (await api('claim/organizations', {})).body;
      return organizations.length === 1 && organizations[0].members === 1;
    });
    const { links } = (await api('user/show', { user: 'erika' })).body;
    expect(links[0].organizations).toContainEqual({
      organization: 'shop:70',
      name: 'Druckerei Muster GmbH',
      isOwner: true,
      targetOrganizationId: expect.any(String),
      roles: ['owner'],
    });
    expect(await api('claim/issue', asked)).toMatchObject({
      body: { refused: { code: 'organization_linked' } },
    });
  });

  test('the metrics count what was linked', async () => {
    const metrics = await (await fetch(`${town.server.inside}/metrics`)).text();
    for (const purpose of ['person', 'organization'])
      expect(metrics).toContain(
        `footbridge_claims_total{target="hub",purpose="${purpose}",outcome="linked"} 1`,
      );
  });
});

describe('the end of the old login', () => {
  const reason = ['--reason', 'the letters went wrong'];

  test('is paused and goes on: the running node follows at the next login', async () => {
    expect((await town.logIn('anna')).status).toBe(403);
    const dry = await footbridge('claim rules --pause paper', { more: reason });
    expect(dry.out).toContain('Would pause paper at hub.\nNothing was changed');
    expect((await town.logIn('anna')).status).toBe(403);
    const paused = await footbridge('claim rules --pause paper --execute', { more: reason });
    expect(paused.out).toContain('was paused by operator:mona');
    expect((await town.logIn('anna')).location).toContain(`${APP_CALLBACK}?code=`);
    expect((await footbridge('claim rules --resume paper --execute')).code).toBe(0);
    expect((await town.logIn('anna')).status).toBe(403);
  });

  test('leaves out whom an operator excepts, until that is taken back', async () => {
    const anna = 'claim except --user shop:3 --target hub';
    expect(await footbridge(anna)).toMatchObject({
      code: 2,
      err: expect.stringContaining('needs its reason'),
    });
    const more = ['--reason', 'uses a screen reader', '--until', '2999-01-01'];
    expect((await footbridge(`${anna} --execute`, { more })).code).toBe(0);
    expect((await town.logIn('anna')).location).toContain(`${APP_CALLBACK}?code=`);
    const shown = await footbridge('user show anna');
    expect(shown.out).toContain('at hub: goes on, excepted until 2999-01-01 00:00 UTC: uses a screen reader');
    expect((await footbridge('claim rules --exceptions')).out).toMatch(/shop:3 +hub +2999-01-01 00:00/);
    expect((await footbridge(`${anna} --remove --execute`)).code).toBe(0);
    expect((await town.logIn('anna')).status).toBe(403);
  });
});

describe('afterwards', () => {
  test('it is told how it goes on: in figures, and as a page without names or links', async () => {
    const html = join(dirname(town.configFile), 'status.html');
    const { code, out, err } = await footbridge('claim status --days 7', { more: ['--html', html] });
    expect([code, err]).toEqual([0, expect.stringContaining('status.html is written.')]);
    expect(out).toContain('1 person is linked at hub');
    expect(out).toMatch(/ 2 .*claimed +have linked/);
    expect(statSync(html).mode & 0o777).toBe(0o600);
    const page = readFileSync(html, 'utf8');
    expect(page).toContain('<title>Accounts linked at hub</title>');
    expect(page).not.toMatch(/shop:|@print|erika|https?:/i);
    const { claimed, issued } = jsonOf(await footbridge('claim status --days 7 --json')).totals;
    expect([claimed, issued]).toEqual([
      2,
      (await town.sql('select count(*)::int as n from claim_tokens'))[0]?.n,
    ]);
  });

  test('an organization is unlinked, and then its owner: each says before what comes of it', async () => {
    const unlink = 'claim unlink --organization shop:70 --target hub';
    expect((await footbridge(unlink)).out).toContain('Would unlink shop:70 from Druckerei Muster GmbH');
    expect((await footbridge(`${unlink} --execute`)).code).toBe(0);
    expect((await footbridge(`${unlink} --execute`)).code).toBe(2);
    expect(jsonOf(await footbridge('claim organizations --json')).organizations).toMatchObject([
      { organization: 'shop:70', state: 'unlinked', members: 0 },
    ]);
    const back = 'user rollback shop:1 --target hub';
    expect((await footbridge(back)).out).toContain('Would roll back shop:1 at hub from migrated');
    expect((await footbridge(`${back} --execute`)).code).toBe(0);
    expect(await town.ledger('shop:1')).toEqual({ state: 'legacy', there: null });
    await until(async () => {
      const rows = await town.legacySql(
        'select (select hub_person_id from users where id = 1) as person, (select hub_organization_id from accounts where id = 70) as organization',
      );
      return rows[0]?.person === null && rows[0]?.organization === null;
    });
  });

  test('somebody who is forgotten takes their links with them, and gets none again', async () => {
    expect((await footbridge('claim issue --user shop:1 --target hub --execute')).code).toBe(0);
    expect((await footbridge('user forget shop:1 --target hub --execute')).code).toBe(0);
    expect(await town.tokensOf('shop:1')).toEqual([]);
    const again = await footbridge('claim issue --user shop:1 --target hub');
    expect([again.code, again.out]).toEqual([
      1,
      expect.stringContaining('they were forgotten at the target'),
    ]);
  });

  test('a mail server that is down is told as that, and leaves no link behind', async () => {
    await town.mailbox.stop();
    expect((await footbridge('mail check')).code).toBe(1);
    const { code, out } = await footbridge('claim issue --user shop:2 --target hub --mail --execute');
    expect([code, out]).toEqual([1, expect.stringContaining('The link was taken back.')]);
    expect((await town.tokensOf('shop:2')).filter(({ state }) => state === 'open')).toEqual([]);
  });

  test('the audit log is whole, and has what was done and by whom', async () => {
    expect((await footbridge('audit verify', { isProcess: true })).code).toBe(0);
    const { out } = await footbridge('audit export');
    const records: Json[] = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    const byMona = new Set(
      records.filter(({ actor }) => actor === 'operator:mona').map(({ action }) => action.split('.')[1]),
    );
    const done = 'issued revoked paused resumed added removed unlinked revert delete'.split(' ');
    expect(done.filter((what) => !byMona.has(what))).toEqual([]);
    expect(records.some(({ actor }) => actor === 'operator:api')).toBe(true);
    expect(out).not.toMatch(/erika|shop:1"|@print\.example|fbc[po]1\./);
  });
});
