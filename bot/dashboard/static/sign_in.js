// Signing in with the set-up token, once per browser.

import { useState } from "preact/hooks";
import { html } from "./html.js";
import { begin, model } from "./model.js";
import { Problem } from "./parts.js";

export function SignIn({ problem: first = "" }) {
  const [problem, setProblem] = useState(first);
  const [busy, setBusy] = useState(false);
  const submit = async (event) => {
    event.preventDefault();
    const token = new FormData(event.target).get("token").trim();
    if (!token) return;
    setBusy(true);
    try {
      await begin(token);
    } catch (refused) {
      setProblem(refused.message);
      setBusy(false);
    }
  };
  return html`<main class="sign-in">
    <img src="icon.svg" alt="" width="48" height="48" />
    <h1>Understudy</h1>
    <${SessionOver} />
    <form class="card" onSubmit=${submit}>
      <label for="token">Set-up token</label>
      <input id="token" name="token" type="password" autocomplete="off" spellcheck=${false} required autofocus />
      <p class="hint">
        <code>./understudy up</code> prints a link with one in it when it starts. It works once, for an hour. A new one:${" "}
        <code>./understudy keys sign-in</code>.
      </p>
      <${Problem} words=${problem} />
      <button class="primary" disabled=${busy}>${busy ? "Signing in…" : "Sign in"}</button>
    </form>
  </main>`;
}

function SessionOver() {
  if (!model.over && !model.notDone.length) return null;
  return html`<div class="session-over" role="alert">
    ${!model.notDone.length && html`<p>The session has ended. Sign in to go on.</p>`}
    ${model.notDone.map(
      ({ what, instead }) => html`<p class="problem">
        ${what} was not carried out: the session has ended. Sign in and try
        again${instead && html`, or run <code>${instead}</code> on the server`}.
      </p>`,
    )}
  </div>`;
}
