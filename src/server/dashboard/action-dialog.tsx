/** The dialog that confirms every operation; dashboard.js fills in the text. */
import type {FC} from 'hono/jsx';
import type {Access} from '../context.ts';
import {Icon} from './elements.tsx';

export const ActionDialog: FC<{access: Access; canWrite: boolean}> = ({access, canWrite}) => (
  <dialog id="confirm" aria-labelledby="confirm-title" aria-describedby="confirm-text">
    <form method="dialog" id="confirm-form">
      <h2 id="confirm-title">Confirm</h2>
      <p id="confirm-text" />
      <fieldset data-for="trigger" hidden>
        <legend>Mode</legend>
        <label>
          <input type="radio" name="mode" value="diff" checked />
          <span>
            <strong>Differences</strong> <span class="note">reads what differs, repairs it</span>
          </span>
        </label>
        <label>
          <input type="radio" name="mode" value="full" />
          <span>
            <strong>Full</strong> <span class="note">writes every row again; slower</span>
          </span>
        </label>
        <label>
          <input type="checkbox" name="allowDeletes" />
          <span>
            <strong>Allow mass deletes</strong> <span class="note">past SYNC_MAX_DELETE_RATIO</span>
          </span>
        </label>
      </fieldset>
      {access === 'read' ? <TokenField canWrite={canWrite} /> : null}
      <p id="confirm-error" class="error" role="alert" />
      <div class="buttons">
        <button type="button" data-cancel="">
          Cancel
        </button>
        <button type="submit" class="primary" id="confirm-go" disabled={access === 'read' && !canWrite}>
          Confirm
        </button>
      </div>
    </form>
  </dialog>
);

const TokenField: FC<{canWrite: boolean}> = ({canWrite}) =>
  canWrite ? (
    <label class="token">
      Full token
      <input type="password" name="token" required autocomplete="off" spellcheck={false} />
      <span class="note">You may only read. The token is sent with this one request and is not stored.</span>
    </label>
  ) : (
    <p class="error">
      <Icon name="warn" />
      No full token is set on the server (SYNC_API_TOKEN), so nothing can be changed here.
    </p>
  );
