/** How a login at ZITADEL ends, or where it stands. */
export type LoginOutcome =
  | {
      readonly kind: 'logged-in';
      readonly userId: string;
      readonly sessionId?: string;
      /** A second factor that is still asked for before it is over. */
      readonly asks?: 'totp';
      /** Whether the user was made, linked or changed on the way. */
      readonly did: readonly ('created' | 'linked' | 'updated')[];
    }
  /** A page that wants something of the person; with what it is filled in with. */
  | { readonly kind: 'page'; readonly page: string; readonly parameters: Readonly<Record<string, string>> }
  /** Off to an identity provider. */
  | { readonly kind: 'redirect'; readonly url: string; readonly idpId: string }
  | { readonly kind: 'error'; readonly error: string };

export const failed = (error: unknown): LoginOutcome => ({
  kind: 'error',
  error: error instanceof Error ? error.message : String(error),
});
