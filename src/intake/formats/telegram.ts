import {
  dedupKey,
  type FormatReader,
  IGNORED,
  ownMetadata,
  paid,
  type Reading,
  refundedAll,
  type Webhook,
} from './event-draft.ts';
import { currencyAt, minorAt, requiredText, textAt, timeAt, valueAt } from './fields.ts';
import { findEmbeddedObject } from './webhook-body.ts';

const PAID = 'message.successful_payment';
const REFUNDED = 'message.refunded_payment';

/**
 * Telegram Payments and Stars. Money is known by the charge, which an update sent again through another webhook still
 * names; every other update by its own id. Stars are refunded whole.
 */
export const readTelegram: FormatReader = (webhook) => {
  const { root } = webhook;
  const common = { occurredAt: timeAt(root, 'message.date'), userId: textAt(root, 'message.from.id') };
  if (valueAt(root, PAID)) {
    const expiresAt = timeAt(root, `${PAID}.subscription_expiration_date`);
    return { ...ofCharge(webhook, PAID, common), kind: 'payment_succeeded', facts: [paid(expiresAt)] };
  }
  if (valueAt(root, REFUNDED)) {
    return { ...ofCharge(webhook, REFUNDED, common), kind: 'payment_refunded', facts: [refundedAll()] };
  }
  return { ...IGNORED, dedupKey: dedupKey(webhook, requiredText(root, 'update_id')), occurredAt: common.occurredAt };
};

type Common = Pick<Reading, 'occurredAt' | 'userId'>;

function ofCharge(webhook: Webhook, path: string, common: Common): Reading & { dedupKey: string } {
  const { root } = webhook;
  const chargeId = requiredText(root, `${path}.telegram_payment_charge_id`);
  const type = path.slice('message.'.length);
  const embedded = findEmbeddedObject(textAt(root, `${path}.invoice_payload`));
  const own = embedded ? ownMetadata({ embedded }, 'embedded') : {};
  return {
    kind: 'unknown',
    ...own,
    dedupKey: dedupKey(webhook, `${type}:${chargeId}`),
    providerType: type,
    occurredAt: common.occurredAt,
    userId: own.userId ?? common.userId ?? null,
    transactionId: chargeId,
    amountMinor: minorAt(root, `${path}.total_amount`),
    currency: currencyAt(root, `${path}.currency`),
  };
}
