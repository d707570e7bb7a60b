/* Small comforts. Everything works without them. */

/* An invitation's token stands behind the # of its link, which no server is sent: it goes into the form, and out of the address. */
{
  const take = () => {
    for (const input of document.querySelectorAll('input[data-from-fragment]')) {
      const token = location.hash.slice(1);
      if (token === '') continue;
      input.value = token;
      history.replaceState(null, '', location.pathname + location.search);
      input.form.querySelector('button').focus();
    }
  };
  take();
  /* A link that is opened where the form is open already loads nothing. */
  addEventListener('hashchange', take);
}

/* A page that asks for itself again leaves alone what somebody is at: the focus, what is folded open, where they have scrolled. */
{
  const isAt = (main) => {
    const at = document.activeElement;
    const isTyping = main.contains(at) && at.matches('input:not([type="checkbox"]), textarea, select');
    const chosen = getSelection();
    return isTyping || (chosen && !chosen.isCollapsed && main.contains(chosen.anchorNode));
  };
  const nameOf = (element) =>
    element.id ||
    `${element.tagName} ${element.getAttribute('href') || element.getAttribute('name') || element.getAttribute('aria-label') || element.textContent.trim().slice(0, 80)}`;
  const numbered = (elements) => {
    const seen = new Map();
    return [...elements].map((element) => {
      const name = nameOf(element);
      seen.set(name, (seen.get(name) || 0) + 1);
      return [`${name} ${seen.get(name)}`, element];
    });
  };
  const FOCUSABLE = 'a[href], button, summary, input, select, textarea, [tabindex]';
  const folds = (main) =>
    numbered([...main.querySelectorAll('details')].map((one) => one.querySelector('summary') || one)).map(
      ([name, element]) => [name, element.closest('details')],
    );
  /* What came along, for whoever hears the page: a part of it that is new all over is not read out. */
  const newsOf = (main) =>
    [...main.querySelectorAll('[data-news]')]
      .map((one) => one.dataset.news || one.textContent.trim().replace(/\s+/g, ' '))
      .join('. ');
  let before;

  document.addEventListener('htmx:beforeRequest', (event) => {
    if (event.target.id === 'main' && (document.hidden || isAt(event.target))) event.preventDefault();
  });
  document.addEventListener('htmx:beforeSwap', (event) => {
    if (event.target.id !== 'main') return;
    /* What went wrong this time is not shown in place of what is known. */
    if (event.detail.xhr.status !== 200) event.detail.shouldSwap = false;
    const main = event.target;
    before = {
      news: newsOf(main),
      isMain: document.activeElement === main,
      open: new Map(folds(main).map(([name, element]) => [name, element.open])),
      focus: (numbered(main.querySelectorAll(FOCUSABLE)).find(([, one]) => one === document.activeElement) ||
        [])[0],
      scrolls: numbered(main.querySelectorAll('.table-box, pre.code, .road')).map(([name, one]) => [
        name,
        one.scrollLeft,
        one.scrollTop,
      ]),
    };
  });
  document.addEventListener('htmx:afterSwap', () => {
    const main = document.getElementById('main');
    if (!before || !main) return;
    for (const [name, element] of folds(main))
      if (before.open.has(name)) element.open = before.open.get(name);
    const found = numbered(main.querySelectorAll(FOCUSABLE)).find(([name]) => name === before.focus);
    if (found) found[1].focus({ preventScroll: true });
    else if (before.isMain) main.focus({ preventScroll: true });
    const [news, told] = [newsOf(main), document.getElementById('news')];
    if (told && news !== before.news) told.textContent = news;
    const boxes = new Map(numbered(main.querySelectorAll('.table-box, pre.code, .road')));
    for (const [name, left, top] of before.scrolls) boxes.get(name)?.scrollTo(left, top);
    before = undefined;
  });
}
