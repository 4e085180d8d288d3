import { pace } from './pace.ts';
import { type SignedWebhooks, signWebhooks } from './signed-webhooks.ts';
import { storm } from './storm.ts';

/** The load generator's process: prepares webhooks, then sends them, at its parent's word. */
export type LoadOrder =
  | { do: 'prepare'; series: number; count: number; bodyBytes: number; path: string }
  | { do: 'storm'; port: number; connections: number; warmUpSeconds: number; seconds: number }
  | { do: 'pace'; port: number; perSecond: number; count: number };

let webhooks: SignedWebhooks;

process.on('message', async (order: LoadOrder) => {
  try {
    process.send?.({ done: await obey(order) });
  } catch (error) {
    process.send?.({ failed: (error as Error).message });
  }
});
process.on('disconnect', () => process.exit());

async function obey(order: LoadOrder): Promise<unknown> {
  switch (order.do) {
    case 'prepare':
      webhooks = signWebhooks(order);
      return order.count;
    case 'storm':
      return storm({ ...order, webhooks });
    case 'pace':
      return pace({ ...order, webhooks });
  }
}
