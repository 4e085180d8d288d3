import type { EntitlementView } from '../../src/api/entitlement-view.ts';
import type { EventDetail, EventView } from '../../src/api/event-view.ts';
import type { PaymentView } from '../../src/api/payment-view.ts';
import type { Conservation } from '../../src/ledger/conservation.ts';

export const API_TOKEN = 'journeys-api-token-4f1d9c';

/** Times are text on the wire. */
type Wire<T> = T extends Date ? string : T extends (infer U)[] ? Wire<U>[] : T extends object ? WireObject<T> : T;
type WireObject<T> = { [K in keyof T]: Wire<T[K]> };

type Payment = Wire<PaymentView>;
type Feature = Wire<EntitlementView>;

/** The product's backend: asks over HTTP, as any product would. */
export type Api = {
  get(path: string, token?: string | null): Promise<{ status: number; body: unknown; headers: Headers }>;
  payment(provider: string, transactionId: string): Promise<Payment | null>;
  /** The payment's only event. */
  eventOf(provider: string, transactionId: string): Promise<Wire<EventView>>;
  event(id: string): Promise<Wire<EventDetail>>;
  features(userId: string): Promise<Feature[]>;
  has(userId: string, feature?: string): Promise<boolean>;
  conservation(): Promise<Conservation>;
};

export function createApi(service: { url: string }, apiToken = API_TOKEN): Api {
  const get: Api['get'] = async (path, token = apiToken) => {
    const headers: Record<string, string> = token === null ? {} : { authorization: `Bearer ${token}` };
    const response = await fetch(service.url + path, { headers });
    return { status: response.status, body: await response.json(), headers: response.headers };
  };
  const read = async <T>(path: string): Promise<T> => {
    const { status, body } = await get(path);
    if (status !== 200) throw new Error(`GET ${path} answered ${status}: ${JSON.stringify(body)}`);
    return body as T;
  };
  const payment: Api['payment'] = async (provider, transactionId) => {
    const { status, body } = await get(`/api/payments/${provider}/${encodeURIComponent(transactionId)}`);
    if (status !== 200 && status !== 404) throw new Error(`a payment's view answered ${status}`);
    return status === 200 ? (body as Payment) : null;
  };
  const features: Api['features'] = async (userId) =>
    (await read<{ features: Feature[] }>(`/api/entitlements/${encodeURIComponent(userId)}`)).features;
  return {
    get,
    payment,
    features,
    eventOf: async (provider, transactionId) => {
      const { events } = (await payment(provider, transactionId)) ?? { events: [] };
      if (events.length !== 1) throw new Error(`${transactionId} has ${events.length} events`);
      return events[0]!;
    },
    event: (id) => read(`/api/events/${encodeURIComponent(id)}`),
    has: async (userId, feature = 'premium') =>
      (await features(userId)).some((one) => one.feature === feature && one.active),
    conservation: () => read('/api/conservation'),
  };
}
