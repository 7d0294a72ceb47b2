// What helps on the publisher's pages; everything works without it.
//
// <form data-live="URL" data-live-into="ID">: while somebody types, the form's fields are sent to URL by GET,
// and the fragment of HTML that comes back takes the place of what is in the element ID, which should be an
// aria-live="polite" region. Of several answers only that to the last question is shown. Passwords, files and
// the form's own token stay here.
"use strict";
(() => {
  const PAUSE = 250;
  const LONGEST = 6000;

  function asked(form) {
    const fields = new URLSearchParams();
    for (const one of form.elements) {
      if (!one.name || one.disabled || one.name === "csrf") continue;
      if (["password", "file", "submit", "button"].includes(one.type)) continue;
      if (["checkbox", "radio"].includes(one.type) && !one.checked) continue;
      if (one.type === "select-multiple") for (const chosen of one.selectedOptions) fields.append(one.name, chosen.value);
      else fields.append(one.name, one.value);
    }
    return fields.toString();
  }

  function live(form) {
    const into = document.getElementById(form.dataset.liveInto);
    const url = new URL(form.dataset.live, document.baseURI);
    if (!into || url.origin !== location.origin) return;
    let timer = 0, last = null, shown = asked(form);

    async function ask() {
      const query = asked(form);
      if (query === shown || query.length > LONGEST) return;
      if (last) last.abort();
      const mine = last = new AbortController();
      url.search = query;
      try {
        const answer = await fetch(url, {credentials: "same-origin", redirect: "error", signal: mine.signal});
        const text = await answer.text();
        // 422: what was typed is wrong, and the answer says why.
        if (mine.signal.aborted || !(answer.ok || answer.status === 422)) return;
        shown = query;
        // The server's own page, escaped by it; the page's policy lets no script in it run.
        into.innerHTML = text;
      } catch {
        // Not reached, or logged out meanwhile: what stands there stays, and the button works.
      }
    }

    const later = () => { clearTimeout(timer); timer = setTimeout(ask, PAUSE); };
    form.addEventListener("input", later);
    form.addEventListener("change", later);
  }

  for (const form of document.querySelectorAll("form[data-live]")) live(form);
})();
{% include "page/admin/complete.js" %}
{% include "page/admin/polling.js" %}
