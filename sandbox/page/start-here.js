import { attempt, byId, element, recall, remember } from './elements.js';

const STEPS = [
  { key: 'paid', text: 'Let a payment fail', more: 'The product will refuse to unlock it.' },
  {
    key: 'pressed',
    text: 'Meet its ticket in Engineering',
    more: 'In the bot’s chat press Start and send /enroll, once. Then press Inspect and Retry on the card.',
  },
  { key: 'unlocked', text: 'See the customer unlocked', more: 'Under “Product”, on the right.' },
];

const done = new Set();
let actOfFirstStep = () => {};

/** Three steps for somebody who has never seen this; gone for good once they are done. */
export function startHere(failPayment) {
  actOfFirstStep = failPayment;
  draw();
}

export const isStepDone = (key) => done.has(key);

export function markStep(key) {
  if (done.has(key)) return;
  done.add(key);
  draw();
  if (STEPS.every((step) => done.has(step.key))) setTimeout(finish, 4000);
}

function finish() {
  remember('started', 'yes');
  draw();
}

function draw() {
  const box = byId('start-here');
  box.hidden = recall('started') === 'yes';
  const isWhole = STEPS.every((step) => done.has(step.key));
  const title = isWhole ? '🎉 That is the whole way of a payment.' : '👋 Start here';
  box.replaceChildren(
    element('header', {}, element('strong', {}, title), drawClose()),
    element('ol', {}, ...STEPS.map(drawStep)),
  );
}

function drawClose() {
  return element(
    'button',
    { type: 'button', className: 'ghost', attributes: { 'aria-label': 'Hide these steps' }, onclick: finish },
    '✕',
  );
}

function drawStep(step, index) {
  const isDone = done.has(step.key);
  const isNext = !isDone && STEPS.slice(0, index).every((earlier) => done.has(earlier.key));
  const button =
    step.key === 'paid' && !isDone
      ? element(
          'button',
          { type: 'button', className: 'action primary small below', onclick: () => attempt(actOfFirstStep) },
          'Do it',
        )
      : null;
  return element(
    'li',
    { className: isDone ? 'done' : isNext ? 'next' : '' },
    element('span', { className: 'tick', attributes: { 'aria-hidden': 'true' } }, isDone ? '✓' : String(index + 1)),
    element('div', {}, element('strong', {}, step.text), element('p', {}, isDone ? 'Done.' : step.more), button),
  );
}
