// What helps on readers' pages; everything works without it.
"use strict";

// The form to sign up with proposes the reader's own timezone, unless they chose one.
for (const select of document.querySelectorAll("select[data-timezone]")) {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (!zone || select.value) continue;
  const [own] = select.options;
  if (own.textContent.replace(/ /g, "_") === zone) continue;
  if (![...select.options].some((option) => option.value === zone)) {
    select.add(new Option(zone.replace(/_/g, " "), zone));
  }
  select.value = zone;
}
