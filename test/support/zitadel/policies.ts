/** The policies of an instance, with ZITADEL's defaults, and what follows from them. */
import { invalid } from './errors.ts';

export interface Policies {
  complexity: {
    minLength: number;
    hasUppercase: boolean;
    hasLowercase: boolean;
    hasNumber: boolean;
    hasSymbol: boolean;
  };
  /** Zero means never. */
  lockout: { maxPasswordAttempts: number; maxOtpAttempts: number };
  domain: { userLoginMustBeDomain: boolean };
  login: {
    allowUsernamePassword: boolean;
    allowRegister: boolean;
    allowExternalIdp: boolean;
    ignoreUnknownUsernames: boolean;
    allowDomainDiscovery: boolean;
    forceMfa: boolean;
  };
}

export const DEFAULT_POLICIES: Policies = {
  complexity: { minLength: 8, hasUppercase: true, hasLowercase: true, hasNumber: true, hasSymbol: true },
  lockout: { maxPasswordAttempts: 0, maxOtpAttempts: 0 },
  domain: { userLoginMustBeDomain: false },
  login: {
    allowUsernamePassword: true,
    allowRegister: true,
    allowExternalIdp: true,
    ignoreUnknownUsernames: false,
    allowDomainDiscovery: true,
    forceMfa: false,
  },
};

/** Throws for a password in plain text that the policy refuses; a hash is never asked. */
export function assertComplexity({ complexity }: Policies, password: string): void {
  const key = 'Errors.User.PasswordComplexityPolicy';
  if (Buffer.byteLength(password) < complexity.minLength) throw invalid('DOMAIN-HuJf6', `${key}.MinLength`);
  if (complexity.hasLowercase && !/\p{Ll}/u.test(password)) throw invalid('DOMAIN-co3Xw', `${key}.HasLower`);
  if (complexity.hasUppercase && !/\p{Lu}/u.test(password)) throw invalid('DOMAIN-VoaRj', `${key}.HasUpper`);
  if (complexity.hasNumber && !/\p{Nd}/u.test(password)) throw invalid('DOMAIN-ZBv4H', `${key}.HasNumber`);
  if (complexity.hasSymbol && !/[^\p{L}\p{N}\s]/u.test(password))
    throw invalid('DOMAIN-ZDLwA', `${key}.HasSymbol`);
}
