// <div data-poll="URL" data-poll-said="ID">: each second the fragment of HTML at URL takes the place of what is
// in it, until there is an element with data-over in it; what that says is then said in the status region ID.
// Without script the page has a meta refresh in a <noscript>.
(() => {
  const PAUSE = 1000;

  function poll(part) {
    const url = new URL(part.dataset.poll, document.baseURI);
    const said = document.getElementById(part.dataset.pollSaid);
    const over = () => part.querySelector("[data-over]");
    const later = () => setTimeout(ask, PAUSE);
    if (url.origin !== location.origin || over()) return;

    async function ask() {
      try {
        const answer = document.hidden ? null : await fetch(url, {credentials: "same-origin", redirect: "error"});
        // The server's own page, escaped by it; the page's policy lets no script in it run.
        if (answer && answer.ok) part.innerHTML = await answer.text();
      } catch {
        // Not reached: the service may be starting again.
      }
      if (!over()) later();
      else if (said) said.textContent = over().dataset.over;
    }
    later();
  }

  for (const part of document.querySelectorAll("[data-poll]")) poll(part);
})();
