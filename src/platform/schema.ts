import type { ColumnType, Generated } from 'kysely';

/** The tables of `migrations/`, as kysely sees them. A sentence about each row stands above its table there. */

type Time = ColumnType<Date, Date | string, Date | string>;
type TimeOrNull = ColumnType<Date | null, Date | string | null | undefined, Date | string | null>;
type DefaultTime = ColumnType<Date, Date | string | undefined, Date | string>;
type Json<T> = ColumnType<T, string, string>;

export type EventState = 'pending' | 'retrying' | 'applied' | 'ignored' | 'dead' | 'overridden';
export type DeadReason = 'permanent' | 'transient_exhausted' | 'malformed' | 'crashed';
export type AttemptOutcome = 'ok' | 'transient' | 'permanent' | 'throttled' | 'handed_back';
export type TicketState = 'open' | 'acknowledged' | 'snoozed' | 'resolved' | 'merged';
export type Severity = 'P1' | 'P2' | 'P3' | 'P4';
export type BreakerState = 'closed' | 'open' | 'half_open' | 'forced_open' | 'forced_closed';
export type BreakerEvidence = { ok: number; failed: number; replicas: number; failuresInRow: number };
/** escalation/policy.ts says what it means. */
type DutyStep = { afterMinutes: number; level: 1 | 2 | 3 };
type DutySeverity = {
  steps: DutyStep[];
  rounds: number;
  thenEveryMinutes: number | null;
  lapseMinutes: number | null;
  resolveMinutes: number;
  pagesAtNight: boolean;
};
type Policy = {
  hours: { zone: string; days: number[]; from: string; to: string };
  severities: Record<Severity, DutySeverity>;
};
export type OverrideState = 'requested' | 'approved' | 'executed' | 'reconciled' | 'reverted' | 'refused' | 'expired';
export type Role = 'viewer' | 'engineer' | 'lead' | 'admin';

type EventTable = {
  provider: string;
  id: Generated<number>;
  dedup_key: string;
  body_hash: Buffer;
  kind: string;
  provider_type: string | null;
  transaction_id: string | null;
  subscription_id: string | null;
  user_id: string | null;
  amount_minor: number | null;
  currency: string | null;
  payer_country: string | null;
  plan: string | null;
  occurred_at: TimeOrNull;
  facts: ColumnType<unknown, string | null, string | null>;
  country: string | null;
  late: Generated<boolean>;
  conflicts: Generated<number>;
  received_at: Time;
  state: EventState;
  reason: DeadReason | null;
  error_family: string | null;
  due_at: Time;
  tries: Generated<number>;
  attempts: Generated<number>;
  lost_leases: Generated<number>;
  failed_probes: Generated<number>;
  self_redrives: Generated<number>;
  ticket_id: number | null;
  redrive_id: number | null;
  settled_by: string | null;
  settled_reason: string | null;
  finished_at: TimeOrNull;
};

type ClaimTable = { id: string; until: Time; events: number[] };

type EventArrivalTable = { key: string; event_id: number };

type EventOfTransactionTable = { transaction_key: number; event_id: number };

type PayloadTable = {
  provider: string;
  event_id: number;
  month: Time;
  content_encoding: string | null;
  headers: ColumnType<Record<string, string> | null, string | null, never>;
  body: Buffer;
};

type AttemptTable = {
  provider: string;
  event_id: number;
  n: number;
  started_at: Time;
  duration_ms: number;
  dependency: string;
  outcome: AttemptOutcome;
  http_status: number | null;
  error_code: string | null;
  error: string | null;
  delay_ms: number | null;
};

type PaymentTable = {
  provider: string;
  transaction_id: string;
  user_id: string | null;
  subscription_id: string | null;
  amount_minor: number | null;
  currency: string | null;
  payer_country: string | null;
  first_received_at: Time;
};

type SubscriptionTable = {
  provider: string;
  subscription_id: string;
  user_id: string | null;
  first_received_at: Time;
};

export type FactType = 'paid' | 'refunded' | 'disputed' | 'dispute_won' | 'dispute_lost' | 'canceled' | 'granted';

type FactTable = {
  provider: string;
  subject: string;
  effect: string;
  type: FactType;
  event_id: number;
  transaction_id: string | null;
  subscription_id: string | null;
  user_id: string | null;
  amount_minor: number | null;
  currency: string | null;
  plan: string | null;
  at: TimeOrNull;
  received_at: Time;
  detail: ColumnType<Record<string, unknown> | null, string | null, string | null>;
};

type CustomerTable = { user_id: string; sending_until: TimeOrNull; sending_token: Generated<number> };

type EntitlementTable = {
  user_id: string;
  feature: string;
  since: Time;
  until: TimeOrNull;
  revoked: boolean;
  revision: number;
  sent_revision: Generated<number>;
  changed_at: DefaultTime;
};

type FeatureTable = { name: string };

type CounterTable = {
  shard: number;
  received: number;
  stored: number;
  duplicate: number;
  refused: number;
  applied: number;
  ignored: number;
  waiting: number;
  dead: number;
  overridden: number;
};

type RefusalTable = {
  id: Generated<number>;
  provider: string;
  cause: string;
  detail: string | null;
  country: string | null;
  received_at: Time;
  age_seconds: number | null;
  header_names: string[];
  secret_fingerprints: string[];
  body_hash: Buffer;
  body_bytes: number;
  sealed: Buffer | null;
  ticket_id: number | null;
  verified_at: TimeOrNull;
  event_provider: string | null;
  event_id: number | null;
};

type RedriveTable = {
  id: Generated<number>;
  command_id: string;
  scope: string;
  ticket_id: number | null;
  provider: string | null;
  transaction_id: string | null;
  requested_by: string;
  requested_at: DefaultTime;
  events: Generated<number>;
};

type TicketTable = {
  id: Generated<number>;
  fingerprint: string;
  stage: string;
  source: string;
  dependency: string | null;
  error_family: string;
  state: Generated<TicketState>;
  severity: Severity;
  owner_id: number | null;
  owner_name: string | null;
  owner_until: TimeOrNull;
  snoozed_until: TimeOrNull;
  merged_into: number | null;
  failures: Generated<number>;
  countries: Json<Record<string, number>>;
  sample_transaction: string | null;
  opened_at: DefaultTime;
  first_failure_at: Time;
  last_failure_at: Time;
  resolved_at: TimeOrNull;
  resolved_by: string | null;
  resolved_reason: string | null;
  state_revision: Generated<number>;
  wanted_revision: Generated<number>;
  urgent_revision: Generated<number>;
  policy: ColumnType<Policy | null, string | null | undefined, string | null>;
  clock_at: TimeOrNull;
  steps_taken: Generated<number>;
  called_level: Generated<number>;
  asked_level: number | null;
  escalate_at: TimeOrNull;
  acknowledge_by: TimeOrNull;
  resolve_by: TimeOrNull;
  warn_at: TimeOrNull;
  overdue_at: TimeOrNull;
  confirm_at: TimeOrNull;
  next_deadline: ColumnType<Date | null, never, never>;
};

type DutyPolicyTable = {
  singleton: Generated<boolean>;
  policy: Json<Policy>;
  changed_by: string;
  changed_at: DefaultTime;
};

type RotationTable = {
  level: number;
  people: Json<number[]>;
  zone: string;
  hand_over: string;
  every_days: number;
  starts_on: string;
  changed_by: string;
  changed_at: DefaultTime;
};

type CoverTable = {
  id: Generated<number>;
  level: Generated<number>;
  person_id: number;
  starts_at: Time;
  ends_at: Time;
  given_by: string;
  created_at: DefaultTime;
};

type PageTable = {
  id: Generated<number>;
  ticket_id: number;
  person_id: number | null;
  level: number | null;
  reason: string;
  at: Time;
  state: Generated<'waiting' | 'delivered' | 'fell_back'>;
  notice_key: string | null;
  fallback_key: string | null;
};

type CauseTable = { fingerprint: string; ticket_id: number | null };

type TicketLogTable = {
  id: Generated<number>;
  ticket_id: number;
  at: DefaultTime;
  kind: string;
  actor: string | null;
  text: string;
};

type TicketActTable = { command_id: string; ticket_id: number; action: string; actor: string; at: DefaultTime };

type LeaseTable = { name: string; holder: string; token: Generated<number>; expires_at: Time };

type JobRunTable = {
  name: string;
  due_at: Time;
  holder: string;
  started_at: DefaultTime;
  finished_at: TimeOrNull;
  outcome: ColumnType<unknown, string | null | undefined, string | null>;
  error: string | null;
};

type ReplicaTable = { id: string; roles: string; started_at: DefaultTime; seen_at: DefaultTime };

type PersonTable = {
  telegram_id: number;
  first_name: string | null;
  username: string | null;
  role: Role;
  active: Generated<boolean>;
  private_chat: Generated<boolean>;
  created_at: DefaultTime;
};

type InvitationTable = {
  id: Generated<number>;
  token_hash: Buffer;
  role: Role;
  invited_by: number;
  created_at: Time;
  expires_at: Time;
  used_by: number | null;
  used_at: TimeOrNull;
};

type CustomerLinkTable = {
  id: Generated<number>;
  token_hash: Buffer;
  user_id: string;
  created_at: Time;
  expires_at: Time;
  used_at: TimeOrNull;
  used_by_update: number | null;
};

type CustomerChatTable = { user_id: string; telegram_id: number; since: Time };

type SecondFactorTable = {
  person_id: number;
  secret: Buffer | null;
  confirmed_at: TimeOrNull;
  last_step: Generated<number>;
  verified_at: TimeOrNull;
  wrong_codes: Generated<number>;
  locked_until: TimeOrNull;
  offered_secret: Buffer | null;
  offered_at: TimeOrNull;
  offered_message_id: number | null;
};

type PendingActTable = {
  person_id: number;
  update_id: number;
  what: string;
  payload: Json<unknown>;
  expires_at: Time;
};

type ChangeFreezeTable = {
  singleton: Generated<boolean>;
  frozen_at: TimeOrNull;
  frozen_by: string | null;
  reason: string | null;
};

type AuditTable = {
  id: number;
  at: Time;
  actor: string;
  action: string;
  target: string;
  allowed: boolean;
  detail: Json<Record<string, unknown>>;
  place: string | null;
  factor: string | null;
  before: ColumnType<Record<string, unknown> | null, string | null | undefined, never>;
  after: ColumnType<Record<string, unknown> | null, string | null | undefined, never>;
  previous_hash: Buffer;
  hash: Buffer;
};

type AuditHeadTable = { singleton: Generated<boolean>; id: number; hash: Buffer };

type TelegramUpdateTable = {
  update_id: number;
  lane: string;
  kind: string;
  payload: ColumnType<unknown, string | null, string | null>;
  state: Generated<'pending' | 'done' | 'dead'>;
  failures: Generated<number>;
  error: string | null;
  received_at: DefaultTime;
  lease_until: TimeOrNull;
  finished_at: TimeOrNull;
  typed_code: string | null;
  sealed_words: Buffer | null;
};

type CardTable = {
  ticket_id: number;
  chat_id: number;
  message_id: number | null;
  shown_revision: Generated<number>;
  shown_text_hash: string | null;
  first_shown_at: TimeOrNull;
  last_drawn_at: TimeOrNull;
  in_digest: number | null;
  error: string | null;
  sends_in_doubt: Generated<number>;
  failures: Generated<number>;
  not_before: TimeOrNull;
  done_revision: Generated<number>;
  silenced_by: number | null;
  shown_severity: Severity | null;
  told_privately_at: TimeOrNull;
};

type NoticeTable = {
  id: Generated<number>;
  key: string;
  chat_id: number | null;
  person_id: number | null;
  ticket_id: number | null;
  kind: string;
  body: Json<Record<string, unknown>>;
  wanted_revision: Generated<number>;
  shown_revision: Generated<number>;
  message_id: number | null;
  failures: Generated<number>;
  not_before: TimeOrNull;
  state: Generated<'pending' | 'sent' | 'failed'>;
  error: string | null;
  created_at: DefaultTime;
  sent_at: TimeOrNull;
};

type ChatSpendingTable = { id: Generated<number>; chat_id: number; at: DefaultTime; method: string; class: string };

type ChatTable = {
  configured_id: number;
  chat_id: number;
  paused_until: TimeOrNull;
  broken: string | null;
  changed_at: DefaultTime;
  failures: Generated<number>;
};

type BreakerTable = {
  name: string;
  state: Generated<BreakerState>;
  epoch: Generated<number>;
  entered_at: DefaultTime;
  open_until: TimeOrNull;
  not_before: TimeOrNull;
  forced_until: TimeOrNull;
  open_streak: Generated<number>;
  leases: ColumnType<Record<string, { replica: string; until: number }>, string | undefined, string>;
  probes_ok: Generated<number>;
  probes_lost: Generated<number>;
  failures_in_row: Generated<number>;
  reason: string | null;
  note: string | null;
  actor: string | null;
  evidence: ColumnType<BreakerEvidence | null, string | null | undefined, string | null>;
  window_ms: number;
  minimum_volume: number;
  /** numeric: exact, and therefore a text. */
  failure_ratio: ColumnType<string, number, number>;
  open_ms: number;
  open_ms_max: number;
  probes: number;
  close_after: number;
  lease_ms: number;
  probes_lost_max: number;
  failures_in_row_max: number | null;
};

type BreakerTransitionTable = {
  id: Generated<number>;
  name: string;
  epoch: number;
  from_state: BreakerState;
  to_state: BreakerState;
  reason: string | null;
  note: string | null;
  actor: string | null;
  evidence: ColumnType<BreakerEvidence | null, never, never>;
  at: Time;
};

type BreakerBucketTable = {
  name: string;
  replica: string;
  slot: number;
  started_ms: number;
  epoch: number;
  ok: number;
  failed: number;
};

type BreakerCommandTable = {
  command_id: string;
  name: string;
  verb: string;
  actor: string;
  answer: ColumnType<unknown, string | null | undefined, string>;
  at: DefaultTime;
};

type BreakerReplicaTable = { replica: string; seen_at: Time };

type BreakerToldTable = {
  name: string;
  epoch: Generated<number>;
  waiting: Generated<number>;
  people: Generated<number>;
  counted_at: TimeOrNull;
  reminders: Generated<number>;
};

export type DrillState = 'running' | 'passed' | 'unanswered' | 'stopped';

type DrillTable = {
  id: Generated<number>;
  command_id: string;
  ticket_id: number;
  started_by: number;
  started_at: Time;
  state: Generated<DrillState>;
  shown_at: TimeOrNull;
  acknowledged_at: TimeOrNull;
  redrawn_at: TimeOrNull;
  ended_at: TimeOrNull;
};

type SilencedTicketView = { ticket_id: number; parent_id: number };

type DeliveryMinuteTable = {
  minute: Time;
  share: number;
  provider: string;
  state: EventState;
  quarter: number;
  events: number;
};

type CallMinuteTable = { minute: Time; share: number; dependency: string; outcome: AttemptOutcome; calls: number };

type OverrideTable = {
  id: Generated<number>;
  command_id: string;
  user_id: string;
  feature: string;
  until: Time;
  provider: string | null;
  transaction_id: string | null;
  ticket_id: number | null;
  reason: string;
  evidence: string | null;
  params_hash: string;
  state: Generated<OverrideState>;
  requested_by: number;
  requested_name: string;
  requested_at: Time;
  approve_until: Time;
  decided_by: number | null;
  decided_name: string | null;
  decided_at: TimeOrNull;
  approved_hash: string | null;
  break_glass: Generated<boolean>;
  review_until: TimeOrNull;
  reviewed_by: number | null;
  reviewed_name: string | null;
  reviewed_at: TimeOrNull;
  executed_at: TimeOrNull;
  events_settled: Generated<number>;
  settled_name: string | null;
  settled_reason: string | null;
  settled_at: TimeOrNull;
  remind_at: TimeOrNull;
  reminders: Generated<number>;
  told_at: TimeOrNull;
  tell_at: TimeOrNull;
  tell_failures: Generated<number>;
  tell_error: string | null;
  tell_end_at: TimeOrNull;
};

export type StagedRedriveState = 'running' | 'done' | 'stopped';

type StagedRedriveTable = {
  id: Generated<number>;
  command_id: string;
  ticket_id: number;
  person_id: number;
  requested_by: string;
  events: number[];
  begun: Generated<number>;
  redrive_id: number | null;
  applied: Generated<number>;
  failed: Generated<number>;
  state: Generated<StagedRedriveState>;
  started_at: DefaultTime;
};

export type GuidedPhase = 'asking' | 'acting' | 'ended';

type GuidedTable = {
  id: Generated<number>;
  lane: string;
  chat_id: number;
  thread_id: number | null;
  person_id: number;
  form: string;
  version: number;
  phase: Generated<GuidedPhase>;
  state: ColumnType<unknown, string | null | undefined, string | null>;
  answers: ColumnType<Record<string, string>, string | undefined, string>;
  screen: ColumnType<unknown, string | undefined, string>;
  turn: Generated<number>;
  last_update_id: number | null;
  action: ColumnType<unknown, string | null | undefined, string | null>;
  deadline: TimeOrNull;
  message_id: number | null;
  old_message_id: number | null;
  wanted_revision: Generated<number>;
  shown_revision: Generated<number>;
  drawing_until: TimeOrNull;
  changed_at: Time;
};

export type Schema = {
  event: EventTable;
  claim: ClaimTable;
  event_arrival: EventArrivalTable;
  event_of_transaction: EventOfTransactionTable;
  payload: PayloadTable;
  attempt: AttemptTable;
  payment: PaymentTable;
  subscription: SubscriptionTable;
  fact: FactTable;
  customer: CustomerTable;
  entitlement: EntitlementTable;
  feature: FeatureTable;
  counter: CounterTable;
  refusal: RefusalTable;
  redrive: RedriveTable;
  ticket: TicketTable;
  cause: CauseTable;
  ticket_log: TicketLogTable;
  ticket_act: TicketActTable;
  lease: LeaseTable;
  job_run: JobRunTable;
  replica: ReplicaTable;
  person: PersonTable;
  invitation: InvitationTable;
  customer_link: CustomerLinkTable;
  customer_chat: CustomerChatTable;
  second_factor: SecondFactorTable;
  pending_act: PendingActTable;
  change_freeze: ChangeFreezeTable;
  audit: AuditTable;
  audit_head: AuditHeadTable;
  telegram_update: TelegramUpdateTable;
  card: CardTable;
  duty_policy: DutyPolicyTable;
  rotation: RotationTable;
  cover: CoverTable;
  page: PageTable;
  notice: NoticeTable;
  chat_spending: ChatSpendingTable;
  chat: ChatTable;
  breaker: BreakerTable;
  breaker_transition: BreakerTransitionTable;
  breaker_bucket: BreakerBucketTable;
  breaker_command: BreakerCommandTable;
  breaker_replica: BreakerReplicaTable;
  breaker_told: BreakerToldTable;
  drill: DrillTable;
  silenced_ticket: SilencedTicketView;
  delivery_minute: DeliveryMinuteTable;
  call_minute: CallMinuteTable;
  override: OverrideTable;
  guided: GuidedTable;
  staged_redrive: StagedRedriveTable;
};
