const OVERRIDE_ACTIONS = ['approve', 'refuse', 'glass', 'review', 'reconcile', 'revert'] as const;
export type OverrideAction = (typeof OVERRIDE_ACTIONS)[number];

/** Which override, what to do with it, and the hash of what the person was shown. */
export type OverrideButton = { overrideId: number; action: OverrideAction; hash: string };

/** `o:<override>:<action>:<hash of its parameters>`. */
export function formatOverrideButton({ overrideId, action, hash }: OverrideButton): string {
  return `o:${overrideId}:${action}:${hash}`;
}

export function parseOverrideButton(data: string): ({ kind: 'override' } & OverrideButton) | null {
  const [, overrideId, word, hash = ''] = /^o:([1-9]\d{0,14}):([a-z]+):([A-Za-z0-9_-]{22})$/.exec(data) ?? [];
  const action = OVERRIDE_ACTIONS.find((name) => name === word);
  return action ? { kind: 'override', overrideId: Number(overrideId), action, hash } : null;
}
