// An input with data-complete becomes a combobox of labels' names; see web/admin/feeds/matches.py.
(() => {
  const PAUSE = 150;
  const WORD = /"(?:[^"\\]|\\.)*"?|[()]|[^\s()"]+/g;
  const CLOSED = /^"(?:[^"\\]|\\.)*"$/;
  const KEYWORD = /^(and|or|not|all)$/i;
  let made = 0;

  // The name being typed in a rule: words that follow each other with no and, or, not or bracket between.
  const nameAt = (text, caret) => {
    let run = null;
    for (const found of text.matchAll(WORD)) {
      const word = found[0], start = found.index, end = start + word.length;
      if (start >= caret) break;
      if (word.startsWith('"')) {
        const isClosed = CLOSED.test(word);
        run = isClosed && caret >= end ? null : { start, end: isClosed ? end : caret, isQuoted: true };
      } else if (word === "(" || word === ")" || KEYWORD.test(word)) run = null;
      else run = { start: run && !run.isQuoted ? run.start : start, end, isQuoted: false };
    }
    // Behind a blank another word begins, unless the name is in quotes.
    if (!run || caret > run.end) return null;
    return { start: run.start, end: run.end, typed: text.slice(run.start, caret) };
  };

  const combobox = (input) => {
    const id = `complete-${++made}`;
    const whole = input.dataset.completeAs === "name";
    const list = document.createElement("ul");
    list.id = id;
    list.className = "completions";
    list.setAttribute("role", "listbox");
    list.setAttribute("aria-label", "Labels");
    list.hidden = true;
    const told = document.createElement("span");
    told.className = "unseen";
    told.setAttribute("role", "status");
    const box = document.createElement("span");
    box.className = "complete";
    const hadFocus = document.activeElement === input;
    input.before(box);
    box.append(input, list, told);
    if (hadFocus) input.focus();
    input.setAttribute("autocomplete", "off");
    input.setAttribute("autocapitalize", "off");
    input.setAttribute("spellcheck", "false");
    input.setAttribute("aria-autocomplete", "list");
    if (input.tagName === "INPUT") {
      input.setAttribute("role", "combobox");
      input.setAttribute("aria-expanded", "false");
      input.setAttribute("aria-controls", id);
    }
    let place = null, at = -1, timer = 0, asked = 0;

    const options = () => [...list.children];
    const close = () => {
      clearTimeout(timer);
      asked += 1;
      list.hidden = true;
      list.replaceChildren();
      told.textContent = "";
      at = -1;
      input.removeAttribute("aria-activedescendant");
      if (input.tagName === "INPUT") input.setAttribute("aria-expanded", "false");
    };
    const point = (number) => {
      at = number;
      options().forEach((one, place) => one.setAttribute("aria-selected", String(place === at)));
      const one = options()[at];
      if (one) {
        input.setAttribute("aria-activedescendant", one.id);
        one.scrollIntoView({ block: "nearest" });
      } else input.removeAttribute("aria-activedescendant");
    };
    const choose = (one) => {
      const text = whole ? one.dataset.name : one.dataset.rule;
      input.setRangeText(text, place.start, place.end, "end");
      close();
      input.dispatchEvent(new Event("input", { bubbles: true }));
      close();
    };
    const show = (labels) => {
      list.replaceChildren(...labels.map((label, number) => {
        const one = document.createElement("li");
        one.id = `${id}-${number}`;
        one.setAttribute("role", "option");
        one.setAttribute("aria-selected", "false");
        one.dataset.name = label.name;
        one.dataset.rule = label.rule;
        const name = document.createElement("span");
        name.dir = "auto";
        name.textContent = label.name;
        const posts = document.createElement("span");
        posts.className = "faint";
        posts.textContent = `${label.posts >= 10000 ? "10,000 or more" : label.posts.toLocaleString("en")} ${label.posts === 1 ? "post" : "posts"}`;
        one.append(name, " ", posts);
        return one;
      }));
      list.hidden = labels.length === 0;
      if (input.tagName === "INPUT") input.setAttribute("aria-expanded", String(labels.length > 0));
      told.textContent = labels.length ? `${labels.length} ${labels.length === 1 ? "label" : "labels"}, down for the first` : "No label";
      point(-1);
    };
    const look = () => {
      place = whole
        ? { start: 0, end: input.value.length, typed: input.value }
        : nameAt(input.value, input.selectionStart);
      if (!place || !place.typed.trim()) { close(); return; }
      const mine = ++asked;
      const typed = place.typed.replace(/^"/, "").replace(/"$/, "").replace(/\\(.)/g, "$1");
      fetch(`${input.dataset.complete}?${new URLSearchParams({ q: typed })}`, { headers: { Accept: "application/json" } })
        .then((answer) => (answer.ok ? answer.json() : { labels: [] }))
        .then((found) => { if (mine === asked && document.activeElement === input) show(found.labels); })
        .catch(() => { if (mine === asked) close(); });
    };

    input.addEventListener("input", () => { clearTimeout(timer); asked += 1; timer = setTimeout(look, PAUSE); });
    input.addEventListener("blur", close);
    input.addEventListener("keydown", (event) => {
      const many = options().length;
      if (event.key === "ArrowDown" && list.hidden && event.altKey) look();
      else if (list.hidden || event.isComposing) return;
      else if (event.key === "ArrowDown") point(at + 1 < many ? at + 1 : 0);
      else if (event.key === "ArrowUp") point(at > 0 ? at - 1 : many - 1);
      else if (event.key === "Enter" && at >= 0) choose(options()[at]);
      else if (event.key === "Escape") close();
      else return;
      event.preventDefault();
    });
    // Before the input loses the focus.
    list.addEventListener("pointerdown", (event) => event.preventDefault());
    list.addEventListener("click", (event) => {
      const one = event.target.closest("[role=option]");
      if (one) choose(one);
    });
  };

  document.querySelectorAll("[data-complete]").forEach(combobox);
})();
