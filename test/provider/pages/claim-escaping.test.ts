import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openPages, type Page, pagesSettings } from '../../../src/provider/pages/index.ts';
import { claim, confirm, done, form, here, needed, problem, there, unknown } from './claim-fixtures.ts';
import { ADDRESSES, escaped, hostile, TOKEN, TRICKS } from './hostile.ts';

const pages = openPages(pagesSettings.parse({ name: 'Shop' }));
const english = (page: Page) => pages.render(page, { locale: 'en' });

/** Names that somebody else wrote: escaped, and without the characters that turn a text's direction. */
const NAMES: Record<string, (text: string) => Page> = {
  'claim.here.system': (system) => ({ ...claim, here: { system, name: 'n' } }),
  'claim.here.name': (name) => ({ ...claim, here: { ...here, name } }),
  'claim.here.username': (username) => ({ ...claim, here: { ...here, username } }),
  'claim.here.email': (email) => ({ ...claim, here: { ...here, email } }),
  'claim.there.name': (name) => ({ ...claim, there: { ...there, name } }),
  'claim.organization': (organization) => ({ ...claim, organization }),
  'claim.targetName': (targetName) => ({ ...claim, targetName }),
  'claim-confirm.here.name': (name) => ({ ...confirm, here: { ...here, name } }),
  'claim-confirm.there.name': (name) => ({ ...confirm, there: { ...there, name } }),
  'claim-confirm.there.username': (username) => ({ ...confirm, there: { ...there, username } }),
  'claim-confirm.there.email': (email) => ({ ...confirm, there: { ...there, email } }),
  'claim-confirm.there.system': (system) => ({ ...confirm, there: { system } }),
  'claim-confirm.targetName': (targetName) => ({ ...confirm, targetName }),
  'claim-confirm.organization.here': (name) => ({ ...confirm, organization: { here: name, there: 'o' } }),
  'claim-confirm.organization.there': (name) => ({ ...confirm, organization: { here: 'o', there: name } }),
  'claim-done.there.email': (email) => ({ ...done, there: { ...there, email } }),
  'claim-done.organization': (organization) => ({ ...done, organization }),
  'claim-done open organization': (name) => ({ ...done, organizations: [{ id: '1', name, state: 'open' }] }),
  'claim-done linked organization': (name) => ({
    ...done,
    organizations: [{ id: '1', name, state: 'linked' }],
  }),
  'claim-done.continue.name': (name) => ({ ...done, continue: { href: '/', name } }),
  'claim-problem.targetName': (targetName) => ({ ...problem, targetName, ways: [{ way: 'other-account' }] }),
  'claim-sent.targetName': (targetName) => ({ page: 'claim-sent', targetName }),
  'claim-needed.mailedTo': (mailedTo) => ({ ...needed, mailedTo }),
  'sign-in-unknown.there.name': (name) => ({ ...unknown, there: { ...there, name } }),
  'sign-in-unknown.there.system': (system) => ({ ...unknown, there: { system } }),
  'login.clientName': (clientName) => ({ page: 'login', action: '/', formToken: 't', clientName }),
  'username.clientName': (clientName) => ({ page: 'username', action: '/', formToken: 't', clientName }),
  'choose-account.name': (name) => ({ page: 'choose-account', action: '/', formToken: 't', name }),
  'choose-account.clientName': (clientName) => ({
    page: 'choose-account',
    action: '/',
    formToken: 't',
    name: 'n',
    clientName,
  }),
  'enter.name': (name) => ({ page: 'enter', action: '/', formToken: 't', name }),
  'enter.clientName': (clientName) => ({ page: 'enter', action: '/', formToken: 't', name: 'n', clientName }),
  'signed-in.name': (name) => ({ page: 'signed-in', name }),
  'signed-in.clientName': (clientName) => ({ page: 'signed-in', name: 'n', clientName }),
  'confirm-logout.clientName': (clientName) => ({
    page: 'confirm-logout',
    action: '/',
    xsrf: 'x',
    clientName,
  }),
  'moved.targetName': (targetName) => ({ page: 'moved', targetName, href: '/' }),
  'logged-out.told': (name) => ({ page: 'logged-out', told: [{ name, state: 'done' }] }),
  'login.signInWith': (name) => ({ page: 'login', ...form, signInWith: [{ name, href: '/' }] }),
};

/** What comes back to us as it went out. */
const FIELDS: Record<string, (text: string) => Page> = {
  'claim.formToken': (formToken) => ({ ...claim, formToken }),
  'claim-confirm.formToken': (formToken) => ({ ...confirm, formToken }),
  'claim-done.formToken': (formToken) => ({
    ...done,
    formToken,
    organizations: [{ id: '1', name: 'o', state: 'open' }],
  }),
  'claim-done organization id': (id) => ({ ...done, organizations: [{ id, name: 'o', state: 'open' }] }),
  'claim-problem.formToken': (formToken) => ({ ...problem, formToken, ways: [{ way: 'retry' }] }),
  'claim-needed.formToken': (formToken) => ({ ...needed, formToken }),
  'claim-needed.step': (step) => ({ ...needed, step }),
  'sign-in-unknown.formToken': (formToken) => ({ ...unknown, formToken }),
};

const ADDRESS_FIELDS: Record<string, (address: string) => Page> = {
  'claim.action': (action) => ({ ...claim, action }),
  'claim-confirm.action': (action) => ({ ...confirm, action }),
  'claim-done.action': (action) => ({
    ...done,
    action,
    organizations: [{ id: '1', name: 'o', state: 'open' }],
  }),
  'claim-done.continue': (href) => ({ ...done, continue: { href, name: 'Shop' } }),
  'claim-problem.action': (action) => ({ ...problem, action, ways: [{ way: 'retry' }] }),
  'claim-problem way': (href) => ({ ...problem, ways: [{ way: 'sign-in', href }] }),
  'claim-needed.action': (action) => ({ ...needed, action }),
  'sign-in-unknown.action': (action) => ({ ...unknown, action }),
  'sign-in-unknown.backHref': (backHref) => ({ ...unknown, backHref }),
  'login.signInWith': (href) => ({ page: 'login', ...form, signInWith: [{ name: 'Hub', href }] }),
};

const DIRECTIONS = /[\u202a-\u202e\u2066-\u2069]/g;

describe('text from outside', () => {
  it.each(Object.entries(NAMES))('%s changes nothing but its own place', (_name, page) => {
    const frame = english(page(TOKEN));
    expect(frame).toContain(`<bdi>${TOKEN}</bdi>`);
    fc.assert(
      fc.property(hostile, (text) => {
        const shown = escaped(text.replace(DIRECTIONS, ''));
        expect(english(page(text))).toBe(frame.split(TOKEN).join(shown));
      }),
    );
  });

  it.each(Object.entries(FIELDS))('%s comes back as it went out', (_name, page) => {
    const frame = english(page(TOKEN));
    expect(frame).toContain(`value="${TOKEN}"`);
    fc.assert(
      fc.property(hostile, (text) => {
        expect(english(page(text))).toBe(frame.split(TOKEN).join(escaped(text)));
      }),
    );
  });

  it.each(Object.entries(ADDRESS_FIELDS))(
    '%s leads to a path or a web address, and no trick leads anywhere',
    (_name, page) => {
      const frame = english(page('/PLACEHOLDER'));
      expect(frame).toContain('/PLACEHOLDER');
      for (const address of ADDRESSES) {
        const safe = address.replaceAll('"', '%22');
        expect(english(page(safe))).toBe(frame.split('/PLACEHOLDER').join(escaped(safe)));
      }
      for (const trick of TRICKS) expect(english(page(trick))).toBe(frame.split('/PLACEHOLDER').join('#'));
    },
  );

  it('a contact that is no address is only text', () => {
    expect(english({ ...problem, contact: 'javascript:alert(1)' })).toContain(
      '<bdi>javascript:alert(1)</bdi>',
    );
    expect(english({ ...problem, contact: 'javascript:alert(1)' })).not.toContain('href="javascript');
    expect(english({ ...problem, contact: 'help@example.com' })).toContain(
      '<a href="mailto:help@example.com">',
    );
    expect(english({ ...unknown, contact: 'https://example.com/' })).toContain(
      '<a href="https://example.com/">',
    );
    expect(english(problem)).not.toContain('Need help?');
  });
});
