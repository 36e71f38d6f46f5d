(* The formulas that the theorems are about, run with integers: `tests/reference/test_proof.py` compares what comes out with the
   Python package, to the last digit. *)
From Coq Require Import List ZArith Reals Lia.
From BPTT Require Export Rnn.
Import ListNotations.

(* The loops of Unroll.v, for arrays of any numbers. *)
Section Loops.
Context {P X H D Y : Type} (zero_P : P) (add_P : P -> P -> P) (zero_X : X) (add_H : H -> H -> H).

Fixpoint state_before (step : nat -> P * (X * H) -> H) (p : P) (x : nat -> X) (h : H) (t : nat) : H :=
  match t with
  | O => h
  | S t => step t (p, (x t, state_before step p x h t))
  end.

Fixpoint backward (adjoint_step : nat -> H -> P * (X * H)) (u : nat -> H) (t : nat) (carry : H) : P * ((nat -> X) * H) :=
  match t with
  | O => (zero_P, (fun _ => zero_X, carry))
  | S t =>
      let d := adjoint_step t (add_H (u t) carry) in
      let rest := backward adjoint_step u t (snd (snd d)) in
      (add_P (fst rest) (fst d), (fun s => if Nat.eqb s t then fst (snd d) else fst (snd rest) s, snd (snd rest)))
  end.
End Loops.

(* They are the loops of Unroll.v, where the numbers are real. *)
Theorem same_forward {P X H : space} (step : nat -> Pair P (Pair X H) -> H) p x h t :
  state_before (P := P) (X := X) (H := H) step p x h t = before step p x h t.
Proof. induction t as [| t IH]; cbn; [reflexivity | now rewrite IH]. Qed.

Theorem same_backward {P X H : space} (g : nat -> H -> Pair P (Pair X H)) u t : forall carry,
  backward (P := P) (X := X) (H := H) vzero vadd vzero vadd g u t carry = back g u t carry.
Proof. induction t as [| t IH]; intros carry; cbn; [reflexivity | now rewrite IH]. Qed.

Open Scope Z_scope.

(* 2.5 *)
Definition relu : activation Z := {| value := fun a => if a <=? 0 then 0 else a; slope := fun y => if y <=? 0 then 0 else 1 |}.

(* Lists to arrays and back. *)
Definition vector (l : list Z) : nat -> Z := fun i => nth i l 0.
Definition matrix (l : list (list Z)) : nat -> nat -> Z := fun i => vector (nth i l []).
Definition series (l : list (list (list Z))) : nat -> nat -> nat -> Z := fun t => matrix (nth t l []).
Definition listed_vector n (v : nat -> Z) : list Z := map v (seq 0 n).
Definition listed_matrix n m (a : nat -> nat -> Z) : list Z := flat_map (fun i => listed_vector m (a i)) (seq 0 n).

(* The same rows, each number computed once. *)
Definition kept (B H : nat) (a : nat -> nat -> Z) : nat -> nat -> Z :=
  let l := map (fun b => map (a b) (seq 0 H)) (seq 0 B) in matrix l.

Lemma kept_same B H a b k : (b < B)%nat -> (k < H)%nat -> kept B H a b k = a b k.
Proof.
  intros row unit. unfold kept, matrix, vector.
  rewrite nth_indep with (d' := map (a O) (seq 0 H)) by now rewrite map_length, seq_length.
  rewrite (map_nth (fun b => map (a b) (seq 0 H))), seq_nth by assumption. cbn [plus].
  rewrite nth_indep with (d' := a b O) by now rewrite map_length, seq_length.
  now rewrite (map_nth (a b)), seq_nth by assumption.
Qed.

(* The RNN forward and backward: h(t) for every t, dh(-1), dx(t) for every t, dW_ih, dW_hh, db_ih, db_hh. *)
Definition run_rnn (f : activation Z) (T B I H : nat) W_ih W_hh b_ih b_hh x h above d_h_n : list (list Z) :=
  let p := (matrix W_ih, (matrix W_hh, (vector b_ih, vector b_hh))) in
  let step := fun _ e => kept B H (rnn_forward f (B := below B) (I := below I) (H := below H) (fst e) (fst (snd e)) (snd (snd e))) in
  let h_before := state_before step p (series x) (matrix h) in
  let add_h u v := kept B H (fun b k => u b k + v b k) in
  let add_p u v := (fun i j => fst u i j + fst v i j, (fun i j => fst (snd u) i j + fst (snd v) i j,
                     (fun i => fst (snd (snd u)) i + fst (snd (snd v)) i, fun i => snd (snd (snd u)) i + snd (snd (snd v)) i))) in
  let none := ((fun _ _ => 0), ((fun _ _ => 0), ((fun _ => 0), (fun _ => 0)))) in
  let adjoint_step := fun t => let h := h_before t in
    rnn_backward f (B := below B) (I := below I) (H := below H) p (series x t) h in
  let d := backward none add_p (fun _ _ => 0) add_h adjoint_step (series above) T (matrix d_h_n) in
  [flat_map (fun t => let h := h_before (S t) in listed_matrix B H h) (seq 0 T);
   listed_matrix B H (snd (snd d));
   flat_map (fun t => let dx := fst (snd d) t in listed_matrix B I dx) (seq 0 T);
   listed_matrix H I (fst (fst d)); listed_matrix H H (fst (snd (fst d)));
   listed_vector H (fst (snd (snd (fst d)))); listed_vector H (snd (snd (snd (fst d))))].
