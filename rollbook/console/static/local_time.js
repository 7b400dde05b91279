// An hour on the reader's own clock, beside the one in UTC; without script it stays hidden.
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
for (const place of document.querySelectorAll("[data-local]")) {
  const instant = new Date(place.dataset.local);
  if (!zone || zone === "UTC") break;
  const day = timeZone => instant.toLocaleDateString("en-GB", { timeZone, day: "numeric", month: "short" });
  const hour = instant.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
  place.textContent = `(${day(zone) === day("UTC") ? "" : `${day(zone)}, `}${hour} in ${zone.replaceAll("_", " ")})`;
  place.hidden = false;
}
