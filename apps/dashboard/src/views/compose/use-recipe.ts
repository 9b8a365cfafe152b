import { useEffect, useRef, useState } from 'react';
import { replaceQuery, useQuery } from '../../router.js';
import { parseRecipe, queryOf, type Recipe } from './compose-recipe.js';

/** Browsers allow some twenty changes of the address a second; a slider makes more. */
const writeAfterMs = 150;

/** The recipe in the address: read when it changes, written when sliders rest. */
export function useRecipe(): [Recipe, (change: (old: Recipe) => Recipe) => void] {
  const query = useQuery();
  const known = useRef(query);
  const [recipe, setRecipe] = useState(() => parseRecipe(query));
  useEffect(() => {
    if (query === known.current) return;
    known.current = query;
    setRecipe(parseRecipe(query));
  }, [query]);
  useEffect(() => {
    const write = () => {
      const next = queryOf(recipe);
      if (next === queryOf(parseRecipe(known.current))) return;
      known.current = next;
      replaceQuery(next);
    };
    const timer = setTimeout(write, writeAfterMs);
    addEventListener('pagehide', write);
    return () => {
      clearTimeout(timer);
      removeEventListener('pagehide', write);
    };
  }, [recipe]);
  return [recipe, setRecipe];
}
