(* The formulas that the theorems are about, run with integers: `tests/reference/test_proof.py` compares what comes out with the
   Python package, to the last digit. *)
From Coq Require Import List ZArith Reals Lia.
From BPTT Require Export Rnn.
From BPTT Require Gates Gru Lstm.
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

(* Gated cells. No integer is a sigmoid or a tanh, so the gates take the arguments as they are, but with the slopes of the SPEC (12.3). *)
Definition sigma : activation Z := {| value := fun a => a; slope := fun y => y * (1 - y) |}.
Definition tau : activation Z := {| value := fun a => a; slope := fun y => 1 - y * y |}.

(* Block g of rows H of a matrix, and all blocks below each other. *)
Definition block (H : nat) (l : list (list Z)) (g : nat) : nat -> nat -> Z := fun i => matrix l (g * H + i)%nat.
Definition block_of_vector (H : nat) (l : list Z) (g : nat) : nat -> Z := fun i => vector l (g * H + i)%nat.

Section Gates.
Context {gate : Type} (number : gate -> nat) (all : list gate).
Definition gate_arrays : Type := (gate -> nat -> nat -> Z) * (gate -> nat -> nat -> Z) * (gate -> nat -> Z) * (gate -> nat -> Z).

Definition read (H : nat) W_ih W_hh b_ih b_hh : gate_arrays :=
  (fun g => block H W_ih (number g), fun g => block H W_hh (number g),
   fun g => block_of_vector H b_ih (number g), fun g => block_of_vector H b_hh (number g)).
Definition no_arrays : gate_arrays := (fun _ _ _ => 0, fun _ _ _ => 0, fun _ _ => 0, fun _ _ => 0).
Definition add_arrays (u v : gate_arrays) : gate_arrays :=
  (fun g i j => fst (fst (fst u)) g i j + fst (fst (fst v)) g i j, fun g i j => snd (fst (fst u)) g i j + snd (fst (fst v)) g i j,
   fun g i => snd (fst u) g i + snd (fst v) g i, fun g i => snd u g i + snd v g i).
Definition listed_arrays (H I P : nat) (u : gate_arrays) : list (list Z) :=
  [flat_map (fun g => listed_matrix H I (fst (fst (fst u)) g)) all; flat_map (fun g => listed_matrix H P (snd (fst (fst u)) g)) all;
   flat_map (fun g => listed_vector H (snd (fst u) g)) all; flat_map (fun g => listed_vector H (snd u g)) all].
End Gates.

Definition gru_number g := match g with Gru.reset => 0 | Gru.update => 1 | Gru.new => 2 end%nat.

(* As run_rnn, with either place of the reset gate. *)
Definition run_gru (after : bool) (T B I H : nat) W_ih W_hh b_ih b_hh x h above d_h_n : list (list Z) :=
  let p := read gru_number H W_ih W_hh b_ih b_hh in
  let forward := if after then @Gru.h_after Z _ sigma tau (below B) (below I) (below H)
                 else @Gru.h_before Z _ sigma tau (below B) (below I) (below H) in
  let back := if after then @Gru.backward_after Z _ sigma tau (below B) (below I) (below H)
              else @Gru.backward_before Z _ sigma tau (below B) (below I) (below H) in
  let h_before := state_before (fun _ e => kept B H (forward (fst e) (fst (snd e)) (snd (snd e)))) p (series x) (matrix h) in
  let add_h u v := kept B H (fun b k => u b k + v b k) in
  let adjoint_step := fun t => let h := h_before t in back p (series x t) h in
  let d := backward no_arrays add_arrays (fun _ _ => 0) add_h adjoint_step (series above) T (matrix d_h_n) in
  [flat_map (fun t => let h := h_before (S t) in listed_matrix B H h) (seq 0 T); listed_matrix B H (snd (snd d));
   flat_map (fun t => let dx := fst (snd d) t in listed_matrix B I dx) (seq 0 T)] ++ listed_arrays (listed Gru.gates) H I H (fst d).

Definition lstm_number g := match g with Lstm.input => 0 | Lstm.forget => 1 | Lstm.cell => 2 | Lstm.output => 3 end%nat.

(* Without a projection; dc(-1) stands after dh(-1). *)
Definition run_lstm (T B I H : nat) W_ih W_hh b_ih b_hh x h c above d_h_n d_c_n : list (list Z) :=
  let p := read lstm_number H W_ih W_hh b_ih b_hh in
  let step e := let c := kept B H (@Lstm.c_next Z _ sigma tau (below B) (below I) (below H) (below H)
                                     (fst e) (fst (snd e)) (fst (snd (snd e))) (snd (snd (snd e)))) in
    (kept B H (@Lstm.m_next Z _ sigma tau (below B) (below I) (below H) (below H)
                 (fst e) (fst (snd e)) (fst (snd (snd e))) (snd (snd (snd e)))), c) in
  let before := state_before (fun _ e => step e) p (series x) (matrix h, matrix c) in
  let add_h u v := kept B H (fun b k => u b k + v b k) in
  let add_s u v := (add_h (fst u) (fst v), add_h (snd u) (snd v)) in
  let adjoint_step := fun t => let s := before t in fun u =>
    @Lstm.backward Z _ sigma tau (below B) (below I) (below H) (below H) p (series x t) (fst s) (snd s) (fst u) (snd u) in
  let d := backward no_arrays add_arrays (fun _ _ => 0) add_s adjoint_step
             (fun t => (series above t, fun _ _ => 0)) T (matrix d_h_n, matrix d_c_n) in
  [flat_map (fun t => let s := before (S t) in listed_matrix B H (fst s)) (seq 0 T);
   listed_matrix B H (fst (snd (snd d))); listed_matrix B H (snd (snd (snd d)));
   flat_map (fun t => let dx := fst (snd d) t in listed_matrix B I dx) (seq 0 T)] ++ listed_arrays (listed Lstm.gates) H I H (fst d).
