/** Something that changed in the sandbox, as the chat page and waiting tests hear of it. */
export type LiveEvent =
  | { kind: 'message'; chatId: number; messageId: number }
  | { kind: 'chats' }
  | { kind: 'commands' }
  | { kind: 'typing'; chatId: number }
  | { kind: 'telegram' }
  | { kind: 'provider' }
  | { kind: 'product' };

export type LiveFeed = {
  publish(event: LiveEvent): void;
  /** Returns the function that ends the subscription. */
  subscribe(listener: (event: LiveEvent) => void): () => void;
};

export function createLiveFeed(): LiveFeed {
  const listeners = new Set<(event: LiveEvent) => void>();
  return {
    publish: (event) => {
      for (const listener of [...listeners]) listener(event);
    },
    subscribe: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
