/** What ZITADEL keeps of Actions: targets and executions of the second version, scripts of the first. */
export interface PublicKey {
  readonly keyId: string;
  readonly pem: string;
  isActive: boolean;
  readonly expirationDate?: string;
  readonly createdAt: string;
  changedAt: string;
}

export interface StoredTarget {
  readonly id: string;
  name: string;
  endpoint: string;
  kind: 'webhook' | 'call' | 'async';
  interruptOnError: boolean;
  timeoutMs: number;
  payloadType: 'PAYLOAD_TYPE_JSON' | 'PAYLOAD_TYPE_JWT' | 'PAYLOAD_TYPE_JWE';
  signingKey: string;
  readonly publicKeys: PublicKey[];
  readonly createdAt: string;
  changedAt: string;
}

export interface StoredExecution {
  readonly condition: Record<string, unknown>;
  targets: readonly string[];
  readonly createdAt: string;
  changedAt: string;
}

export interface StoredAction {
  readonly id: string;
  readonly organization: string;
  name: string;
  script: string;
  timeoutMs: number;
  allowedToFail: boolean;
  isActive: boolean;
}
