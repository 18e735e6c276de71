"use strict";
(() => {
  const look = async () => {
    try {
      const answer = await fetch(location.href, { cache: "no-store" });
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      if (answer.ok && !page.querySelector("[role=status]")) return location.reload();
    } catch {
      // Nobody answers at the moment: the next look may find somebody.
    }
    setTimeout(look, 2000);
  };
  setTimeout(look, 2000);
})();
