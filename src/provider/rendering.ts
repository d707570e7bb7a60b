/** How pages are drawn for a request, and what the library would draw itself. */
import type { Context } from 'koa';
import type { KoaContextWithOIDC } from 'oidc-provider';
import { errors } from 'oidc-provider';
import type { BackchannelLogout } from './logout.ts';
import type { ErrorKind, Page, Pages } from './pages/index.ts';

export type PageRenderer = (ctx: Context, page: Page, status?: number) => void;

export function renderer({ pages }: { readonly pages: Pages }) {
  const page: PageRenderer = (ctx, content, status = 200) => {
    const uiLocales = ctx.state.uiLocales ?? ctx.query.ui_locales;
    const locale = pages.chooseLocale({
      ...(typeof uiLocales === 'string' ? { uiLocales } : {}),
      ...(ctx.headers['accept-language'] ? { acceptLanguage: ctx.headers['accept-language'] } : {}),
    });
    ctx.status = status;
    ctx.type = 'html';
    ctx.set('Cache-Control', 'no-store');
    ctx.set('Content-Language', locale);
    ctx.set('Vary', 'Accept-Language');
    if (content.page === 'passkey') allowOwnScript(ctx);
    if (status === 401) ctx.set('WWW-Authenticate', 'FormBased');
    ctx.body = pages.render(content, { locale });
  };
  const error = (ctx: Context, content: { kind: ErrorKind; retryAfterSeconds?: number; detail?: string }) =>
    page(ctx, { page: 'error', ...content }, ctx.status);
  return { page, error };
}

function allowOwnScript(ctx: Context): void {
  const policy = ctx.response.get('Content-Security-Policy');
  ctx.set('Content-Security-Policy', policy.replace("script-src 'none'", "script-src 'self'"));
}

/** The library's own pages load a font from another site; none of them is shown. */
export function renderings(
  names: ReadonlyMap<string, string | undefined>,
  render: ReturnType<typeof renderer>,
  backchannel: Pick<BackchannelLogout, 'page'>,
) {
  const clientNameOf = (ctx: KoaContextWithOIDC) => {
    const name = ctx.oidc.client && names.get(ctx.oidc.client.clientId);
    return name ? { clientName: name } : {};
  };
  return {
    renderError: async (
      ctx: KoaContextWithOIDC,
      out: { error: string; error_description?: string | undefined },
      error: Error,
    ) => {
      const kind = errorKind(ctx, out, error);
      render.error(ctx as unknown as Context, {
        kind,
        ...(kind === 'client' && out.error_description ? { detail: out.error_description } : {}),
      });
    },
    renderLogout: async (ctx: KoaContextWithOIDC, form: string) => {
      const [, action = '', xsrf = ''] =
        /action="([^"]*)"><input type="hidden" name="xsrf" value="([^"]*)"/.exec(form) ?? [];
      render.page(ctx as unknown as Context, { page: 'confirm-logout', action, xsrf, ...clientNameOf(ctx) });
    },
    renderLoggedOut: async (ctx: KoaContextWithOIDC) =>
      render.page(ctx as unknown as Context, await backchannel.page(ctx as unknown as Context)),
  };
}

function errorKind(ctx: KoaContextWithOIDC, out: { error: string }, error: Error): ErrorKind {
  if (error instanceof errors.SessionNotFound) return ctx.headers.cookie ? 'expired' : 'no_cookies';
  if (out.error === 'temporarily_unavailable') return 'storage_down';
  if (out.error === 'server_error') return 'internal';
  return 'client';
}
