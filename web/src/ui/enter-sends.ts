// Whether a key sends what was typed. Enter also ends the composition of a character or a word in many languages: browsers say so, but
// Safari says it only by the old key code, because it tells of the key after the end of the composition. Pure.

/** What a key is called that an input method has taken. https://www.w3.org/TR/uievents/#determine-keydown-keyup-keyCode */
const TAKEN_BY_INPUT_METHOD = 229;

export type Pressed = Pick<KeyboardEvent, 'key' | 'shiftKey' | 'isComposing' | 'keyCode'>;

export const isSend = ({ key, shiftKey, isComposing, keyCode }: Pressed): boolean =>
  key === 'Enter' && !shiftKey && !isComposing && keyCode !== TAKEN_BY_INPUT_METHOD;
