import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LOCALES, openPages, type Page, pagesSettings } from '../../../src/provider/pages/index.ts';
import { SAMPLES } from '../../../src/provider/pages/samples.ts';
import { ADDRESSES, escaped, hostile, TOKEN, TRICKS } from './hostile.ts';

const open = (settings: unknown = {}) => openPages(pagesSettings.parse(settings));
const pages = open();
const english = (page: Page) => pages.render(page, { locale: 'en' });

/** Each free text of a page that is no name, put in by itself. */
const TEXT_FIELDS: Record<string, (text: string) => Page> = {
  'login.formToken': (formToken) => ({ page: 'login', action: '/', formToken }),
  'login.username': (username) => ({ page: 'login', action: '/', formToken: 't', username }),
  'username.formToken': (formToken) => ({ page: 'username', action: '/', formToken }),
  'code.formToken': (formToken) => ({ page: 'code', action: '/', formToken, step: 's' }),
  'code.step': (step) => ({ page: 'code', action: '/', formToken: 't', step }),
  'recovery.step': (step) => ({ page: 'recovery', action: '/', formToken: 't', step }),
  'passkey.options': (options) => ({ page: 'passkey', action: '/', formToken: 't', step: 's', options }),
  'enter.formToken': (formToken) => ({ page: 'enter', action: '/', formToken, name: 'n' }),
  'confirm-logout.xsrf': (xsrf) => ({ page: 'confirm-logout', action: '/', xsrf }),
  'error.reference': (reference) => ({ page: 'error', kind: 'internal', reference }),
  'error.detail': (detail) => ({ page: 'error', kind: 'client', detail }),
  'form-post value': (value) => ({ page: 'form-post', action: '/', fields: { field: value } }),
  'form-post name': (name) => ({ page: 'form-post', action: '/', fields: { [name]: 'v' } }),
};

const URL_FIELDS: Record<string, (url: string) => Page> = {
  'login.action': (action) => ({ page: 'login', action, formToken: 't' }),
  'login.cancelHref': (cancelHref) => ({ page: 'login', action: '/', formToken: 't', cancelHref }),
  'username.action': (action) => ({ page: 'username', action, formToken: 't' }),
  'username.cancelHref': (cancelHref) => ({ page: 'username', action: '/', formToken: 't', cancelHref }),
  'code.action': (action) => ({ page: 'code', action, formToken: 't', step: 's' }),
  'code.cancelHref': (cancelHref) => ({ page: 'code', action: '/', formToken: 't', step: 's', cancelHref }),
  'recovery.action': (action) => ({ page: 'recovery', action, formToken: 't', step: 's' }),
  'passkey.action': (action) => ({ page: 'passkey', action, formToken: 't', step: 's', options: '{}' }),
  'choose-account.action': (action) => ({ page: 'choose-account', action, formToken: 't', name: 'n' }),
  'enter.action': (action) => ({ page: 'enter', action, formToken: 't', name: 'n' }),
  'confirm-logout.action': (action) => ({ page: 'confirm-logout', action, xsrf: 'x' }),
  'moved.href': (href) => ({ page: 'moved', targetName: 't', href }),
  'error.backHref': (backHref) => ({ page: 'error', kind: 'internal', backHref }),
  'form-post.action': (action) => ({ page: 'form-post', action, fields: {} }),
};

describe('text from outside', () => {
  it.each(Object.entries(TEXT_FIELDS))('%s changes nothing but its own place', (_name, page) => {
    const frame = english(page(TOKEN));
    expect(frame).toContain(TOKEN);
    fc.assert(
      fc.property(hostile, (text) => {
        expect(english(page(text))).toBe(frame.split(TOKEN).join(escaped(text)));
      }),
    );
  });

  it.each(Object.entries(URL_FIELDS))('%s leads to a path or a web address', (_name, page) => {
    const frame = english(page('/PLACEHOLDER'));
    for (const url of ADDRESSES) {
      const safe = url.replaceAll('"', '%22');
      expect(english(page(safe))).toBe(frame.split('/PLACEHOLDER').join(escaped(safe)));
    }
  });

  it.each(Object.entries(URL_FIELDS))('%s never runs script nor leaves by a trick', (_name, page) => {
    const nowhere = english(page('/PLACEHOLDER')).split('/PLACEHOLDER').join('#');
    for (const url of TRICKS) {
      expect(english(page(url))).toBe(nowhere);
    }
  });

  it('a hostile site name stays text on the page and in the icon', () => {
    const site = open({ name: '"><script>alert(1)</script>' });
    const html = site.render({ page: 'logged-out' }, { locale: 'en' });
    expect(html).not.toContain('<script');
    expect(html).toContain('&quot;&gt;&lt;script&gt;');
    const icon = open({ name: '<script>' });
    const path = /href="(\/assets\/icon[^"]+)"/.exec(
      icon.render({ page: 'logged-out' }, { locale: 'en' }),
    )?.[1];
    expect(icon.asset(path!)?.body.toString()).toContain('>&#60;</text>');
  });
});

describe.each(LOCALES)('every page in %s', (locale) => {
  const drawn = Object.entries(SAMPLES).map(([name, page]) => ({
    name,
    html: pages.render(page, { locale }),
  }));

  it('says its language, is not indexed, and holds no inline script, no inline style and no gap', () => {
    for (const { name, html } of drawn) {
      expect(html, name).toMatch(/^<!doctype html>\n/);
      expect(html, name).toContain(`<html lang="${locale}">`);
      expect(html, name).toContain('<meta name="robots" content="noindex">');
      expect(html, name).not.toMatch(/<style|\sstyle=|\son\w+=|undefined|\[object|\{\w+\}/);
      const scripts = [...html.matchAll(/<script\b([^>]*)>(.*?)<\/script>/gs)];
      // Only the passkey page has one, and it is a file of ours.
      expect(scripts.length, name).toBe(name.startsWith('passkey') ? 1 : 0);
      for (const [, attributes, inline] of scripts) {
        expect(inline).toBe('');
        const path = /^ src="([^"]*)" defer$/.exec(attributes ?? '')?.[1];
        expect(pages.asset(path ?? '')?.type).toBe('text/javascript; charset=utf-8');
      }
    }
  });

  it('loads only what the assets hold', () => {
    for (const { name, html } of drawn) {
      const loaded = [...html.matchAll(/<(?:link|img|source)\b[^>]*?\b(?:href|src|srcset)="([^"]*)"/g)];
      expect(loaded.length, name).toBeGreaterThan(2);
      for (const [, path = ''] of loaded) expect(pages.asset(path), `${name}: ${path}`).toBeDefined();
    }
  });

  it('has one heading, one main part and at most one field that takes the focus', () => {
    for (const { name, html } of drawn) {
      expect(html.match(/<h1/g), name).toHaveLength(1);
      expect(html.match(/<main/g), name).toHaveLength(1);
      expect((html.match(/ autofocus/g) ?? []).length, name).toBeLessThanOrEqual(1);
    }
  });
});

const tag = (html: string, id: string) => new RegExp(`<input [^>]*?id="${id}"[^>]*>`).exec(html)?.[0];
const title = (html: string) => /<title>(.*)<\/title>/.exec(html)?.[1];

describe('the login page', () => {
  const login = { page: 'login', action: '/login/1', formToken: 'token' } as const;

  it('can be filled by a password manager', () => {
    const html = english(login);
    expect(html).toContain('<form method="post" action="/login/1">');
    expect(html).toContain('<input type="hidden" name="form_token" value="token">');
    expect(tag(html, 'username')).toMatch(
      /name="username".*autocomplete="username" autocapitalize="none".*spellcheck="false"/,
    );
    expect(tag(html, 'password')).toMatch(/name="password" type="password" autocomplete="current-password"/);
  });

  it('asks for the username first, and only for the password when the username is known', () => {
    expect(tag(english(login), 'username')).toContain('autofocus');
    expect(tag(english(login), 'password')).not.toContain('autofocus');
    const hinted = english({ ...login, username: 'erika@example.com' });
    expect(tag(hinted, 'username')).toContain('value="erika@example.com"');
    expect(tag(hinted, 'username')).not.toContain('autofocus');
    expect(tag(hinted, 'password')).toContain('autofocus');
  });

  it('ties a refusal to both fields and says it first in the title', () => {
    const html = english({ ...login, username: 'erika', problem: 'wrong' });
    expect(html).toMatch(/id="notice" role="alert"/);
    for (const field of ['username', 'password']) {
      expect(tag(html, field)).toContain('aria-describedby="notice"');
      expect(tag(html, field)).toContain('aria-invalid="true"');
    }
    expect(title(html)).toBe('These sign-in details are not correct – Sign in – Footbridge');
  });

  it('calls no field faulty without a problem, nor for a problem that is not in the fields', () => {
    expect(english(login)).not.toMatch(/role="alert"|aria-invalid|aria-describedby/);
    expect(english({ ...login, problem: 'legacy_down' })).not.toContain('aria-invalid');
  });

  it.each([
    [1, 'in 1 second.'],
    [0.2, 'in 1 second.'],
    [45, 'in 45 seconds.'],
    [61, 'in 2 minutes.'],
    [3700, 'in 2 hours.'],
    [1e9, 'in 24 hours.'],
    [-5, 'in 1 second.'],
    [Number.NaN, 'in 1 minute.'],
  ])('a wait of %d seconds ends %s', (retryAfterSeconds, ending) => {
    expect(english({ ...login, problem: 'throttled', retryAfterSeconds })).toContain(`try again ${ending}`);
  });

  it('says the wait in the grammar of the language', () => {
    const wait = { ...login, problem: 'throttled', retryAfterSeconds: 86_400 } as const;
    expect(pages.render(wait, { locale: 'de' })).toContain('in 24 Stunden');
    expect(pages.render(wait, { locale: 'fr' })).toContain('dans 24 heures');
  });

  it.each([
    ['username', 'Username', false],
    ['email', 'Email address', true],
    ['either', 'Username or email address', true],
  ])('a login with %s is asked for as "%s"', (loginWith, label, mail) => {
    const html = open({ loginWith }).render(login, { locale: 'en' });
    expect(html).toContain(`<label for="username">${label}</label>`);
    expect(tag(html, 'username')?.includes('inputmode="email"')).toBe(mail);
  });

  it('shows a link only where the settings name one', () => {
    const links = { forgotPassword: 'https://shop.example/reset', support: 'mailto:help@shop.example' };
    const html = open({ links }).render(login, { locale: 'en' });
    expect(html).toContain('<a href="https://shop.example/reset">Forgot your password?</a>');
    expect(html).toContain('<a href="mailto:help@shop.example">Get help</a>');
    expect(html).not.toContain('Legal notice');
    expect(english(login)).not.toMatch(/<a |<footer/);
  });
});

describe('the other pages', () => {
  it('the code field takes digits, from the phone too', () => {
    const html = english({ page: 'code', action: '/', formToken: 't', step: 'sealed', problem: 'wrong' });
    expect(tag(html, 'code')).toMatch(/inputmode="numeric" autocomplete="one-time-code"/);
    expect(tag(html, 'code')).toContain('aria-describedby="notice lead"');
    expect(html).toContain('<input type="hidden" name="step" value="sealed">');
    const pattern = /pattern="([^"]*)"/.exec(tag(html, 'code')!)![1];
    const accepts = new RegExp(`^(?:${pattern})$`, 'v');
    for (const code of ['123456', '123 456', ' 12345678 ']) expect(code).toMatch(accepts);
    for (const code of ['12345', '123456789', '12a456', '']) expect(code).not.toMatch(accepts);
  });

  it('the passkey button says with the way to use it why the last attempt was refused', () => {
    const passkey = { page: 'passkey', action: '/', formToken: 't', step: 's', options: '{}' } as const;
    expect(english(passkey)).toContain('type="submit" aria-describedby="lead"');
    expect(english({ ...passkey, problem: 'wrong' })).toContain(
      'type="submit" aria-describedby="notice lead"',
    );
  });

  it('a long German word says where it may be parted, and stays whole in the title', () => {
    const html = pages.render(
      { page: 'recovery', action: '/', formToken: 't', step: 's', problem: 'wrong' },
      { locale: 'de' },
    );
    expect(html).toContain('<h1>Wiederherstellungs\u00adcode eingeben</h1>');
    expect(title(html)).toBe(
      'Dieser Wiederherstellungscode ist nicht gültig – Wiederherstellungscode eingeben – Footbridge',
    );
  });

  it('a person who does not want to sign out is offered a button that says nothing of it', () => {
    const html = english({ page: 'confirm-logout', action: '/end', xsrf: 'x' });
    expect(html).toContain('name="logout" value="yes">Sign out</button>');
    expect(html).toContain('<button class="secondary" type="submit">Stay signed in</button>');
  });

  it('an error page shows the reference, the way back and no more', () => {
    const html = english({ page: 'error', kind: 'internal', reference: 'K7PQ', backHref: '/again' });
    expect(html).toContain('<code>K7PQ</code>');
    expect(html).toContain('<a class="primary" href="/again">Try again</a>');
    expect(english({ page: 'error', kind: 'internal' })).not.toMatch(/<code>|class="primary"/);
  });

  it('an expired sign-in without a way back says where to start', () => {
    expect(english({ page: 'error', kind: 'expired' })).toContain('go back to the application');
    expect(english({ page: 'error', kind: 'expired', backHref: '/again' })).not.toContain(
      'go back to the application',
    );
  });

  it('an outage is not blamed on the password', () => {
    for (const kind of ['legacy_down', 'storage_down', 'overloaded', 'internal'] as const) {
      expect(english({ page: 'error', kind })).toMatch(/This is not about (you or )?your password/);
    }
  });
});
