// Small pieces every other file uses. Data becomes text nodes only, never markup.

export const byId = (id) => document.getElementById(id);

/** An element with properties, attributes (under `attributes`) and children; strings become text. */
export function element(tag, { attributes = {}, dataset = {}, ...properties } = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  Object.assign(made.dataset, dataset);
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

export async function getJson(path) {
  const response = await fetch(path);
  return readAnswer(response);
}

export async function postJson(path, body = {}) {
  const headers = { 'content-type': 'application/json' };
  return readAnswer(await fetch(path, { method: 'POST', headers, body: JSON.stringify(body) }));
}

async function readAnswer(response) {
  const body = await response.json();
  if (!response.ok) throw new Error(body.message ?? body.error ?? `HTTP ${response.status}`);
  return body;
}

const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' });
const clockToSecond = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const day = new Intl.DateTimeFormat('en-GB', { weekday: 'long', day: 'numeric', month: 'long' });
export const clockText = (ms) => clock.format(ms);
export const secondText = (ms) => clockToSecond.format(ms);
export const dayText = (ms) => day.format(ms);

export function showToast(text, kind = 'plain') {
  const toast = element('div', { className: `toast ${kind}` }, text);
  byId('toasts').append(toast);
  setTimeout(() => toast.classList.add('leaving'), 4200);
  setTimeout(() => toast.remove(), 4600);
}

export function showAlert(text) {
  byId('alert-text').textContent = text;
  byId('alert').showModal();
}

/** Runs what a person asked for; what goes wrong is said, not swallowed. */
export async function attempt(work) {
  try {
    return await work();
  } catch (error) {
    showToast(error.message, 'bad');
    return undefined;
  }
}

export function remember(key, value) {
  localStorage.setItem(`breakwater:${key}`, String(value));
}

export function recall(key) {
  return localStorage.getItem(`breakwater:${key}`);
}

/** A row of mutually exclusive buttons, arrow keys included. */
export function drawSwitch(box, modes, current, choose) {
  const buttons = modes.map(({ value, label, hint, tone }) =>
    element(
      'button',
      {
        type: 'button',
        title: hint ?? '',
        className: tone ?? '',
        attributes: { role: 'radio', 'aria-checked': String(value === current) },
        tabIndex: value === current ? 0 : -1,
        dataset: { value },
        onclick: () => choose(value),
      },
      label,
    ),
  );
  const hadFocus = box.contains(document.activeElement);
  box.replaceChildren(...buttons);
  if (hadFocus) buttons.find((button) => button.tabIndex === 0)?.focus();
  box.onkeydown = (event) => moveInSwitch(event, buttons);
}

function moveInSwitch(event, buttons) {
  const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
  if (!step) return;
  event.preventDefault();
  const at = buttons.indexOf(document.activeElement);
  const next = buttons[(at + step + buttons.length) % buttons.length];
  next.focus();
  next.click();
}

const TONES = ['blue', 'green', 'violet', 'orange', 'pink', 'teal'];

/** Instead of an id: the bot's picture. */
export const BOT_AVATAR = 'bot';

/** A round picture with an initial, always the same colour for the same id. */
export function drawAvatar(box, name, id) {
  const isBot = id === BOT_AVATAR;
  box.replaceChildren(isBot ? element('img', { src: '/favicon.svg', alt: '' }) : name.slice(0, 1).toUpperCase());
  box.className = `avatar ${TONES[Math.abs(Number(id) || 0) % TONES.length]}`;
  return box;
}
