/** The mail server, from the settings: a URL or its parts. */
import type { SmtpSettings } from './mail-settings.ts';

export interface SmtpServer {
  readonly host: string;
  readonly port: number;
  /** From the start; otherwise STARTTLS. */
  readonly tls: boolean;
  readonly requireTls: boolean;
  /** On this machine: nobody is in between. */
  readonly isLocal: boolean;
  readonly login?: { readonly user: string; readonly password: string };
}

const SUBMISSIONS = 465;
const SUBMISSION = 587;

/** `smtp:` or `smtps:`, a host, and nothing behind it that would be left unread. */
export function isSmtpUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname, pathname, search, hash, username, password } = new URL(text);
  const isBare = pathname.replace('/', '') === '' && search === '' && hash === '';
  return /^smtps?:$/.test(protocol) && hostname !== '' && isBare && (username === '') === (password === '');
}

export function smtpServerOf(settings: SmtpSettings): SmtpServer {
  const { host, port, tls, login } = settings.url ? partsOf(settings.url.reveal()) : given(settings);
  const isLocal = /^(?:localhost|127(?:\.\d{1,3}){3}|::1)$/.test(host);
  const requireTls = settings.requireTls ?? !isLocal;
  return { host, port: port ?? (tls ? SUBMISSIONS : SUBMISSION), tls, requireTls, isLocal, ...login };
}

function partsOf(text: string) {
  const { protocol, hostname, port, username, password } = new URL(text);
  const login = { user: decodeURIComponent(username), password: decodeURIComponent(password) };
  return {
    host: hostname.replace(/^\[|\]$/g, ''),
    port: port ? Number(port) : undefined,
    tls: protocol === 'smtps:',
    login: username ? { login } : {},
  };
}

function given({ host = '', port, tls = false, user, password }: SmtpSettings) {
  const login = user !== undefined && password ? { login: { user, password: password.reveal() } } : {};
  return { host, port, tls, login };
}
