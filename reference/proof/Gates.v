(* The parameters of a gated cell: weights and biases in blocks, one for each gate (SPEC 12.2). *)
From BPTT Require Export Rows.
From Coq Require Import List Reals Lra.
Import ListNotations.

Section Parameters.
Context {K : Type} {G I H P : indices}.

(* Row i of block g of `weight_ih` is W_ih p g i. P is the features of h: H, but of a projected LSTM. *)
Definition gate_parameters (K : Type) (G I H P : indices) : Type := (G -> H -> I -> K) * (G -> H -> P -> K) * (G -> H -> K) * (G -> H -> K).

Definition W_ih (p : gate_parameters K G I H P) := fst (fst (fst p)).
Definition W_hh (p : gate_parameters K G I H P) := snd (fst (fst p)).
Definition b_ih (p : gate_parameters K G I H P) := snd (fst p).
Definition b_hh (p : gate_parameters K G I H P) := snd p.
End Parameters.

Open Scope R_scope.

(* The same as a space, and its four arrays: projections, so their derivative is what they are. *)
Definition GateParameters (G I H P : indices) : space :=
  Pair (Pair (Pair (Power G (Matrix H I)) (Power G (Matrix H P))) (Power G (Vector H))) (Power G (Vector H)).

Section Projections.
Context {V U W : space} {G : indices} (x : V).

Lemma derivative_fst (f D : V -> Pair U W) : derivative f x D -> derivative (W := U) (fun y => fst (f y)) x (fun v => fst (D v)).
Proof. intros d. apply (derivative_chain f (fun w : Pair U W => fst w) x D (fun w => fst w) d), derivative_linear, linear_fst. Qed.

Lemma derivative_snd (f D : V -> Pair U W) : derivative f x D -> derivative (W := W) (fun y => snd (f y)) x (fun v => snd (D v)).
Proof. intros d. apply (derivative_chain f (fun w : Pair U W => snd w) x D (fun w => snd w) d), derivative_linear, linear_snd. Qed.

Lemma derivative_block (f D : V -> Power G W) g : In g G -> derivative f x D -> derivative (W := W) (fun y => f y g) x (fun v => D v g).
Proof. intros here d. apply (derivative_chain f (fun w : Power G W => w g) x D (fun w => w g) d).
  now apply derivative_linear, linear_entry. Qed.
End Projections.

Section Derivatives.
Context {V : space} {G I H P : indices} (p : V -> GateParameters G I H P) (x : V) 
  (p' : V -> GateParameters G I H P) (dp : derivative p x p').

Let A := Power G (Matrix H I).
Let C := Power G (Matrix H P).
Let D := Power G (Vector H).

Let first : derivative (W := Pair (Pair A C) D) (fun y => fst (p y)) x (fun v => fst (p' v)).
Proof. exact (derivative_fst (U := Pair (Pair A C) D) (W := D) x p p' dp). Qed.

Let second : derivative (W := Pair A C) (fun y => fst (fst (p y))) x (fun v => fst (fst (p' v))).
Proof. exact (derivative_fst (U := Pair A C) (W := D) x _ _ first). Qed.

Variables (g : G) (here : In g G).

Lemma derivative_W_ih : derivative (W := Matrix H I) (fun y => @W_ih R G I H P (p y) g) x (fun v => @W_ih R G I H P (p' v) g).
Proof. exact (derivative_block (W := Matrix H I) x _ _ g here (derivative_fst (U := A) (W := C) x _ _ second)). Qed.

Lemma derivative_W_hh : derivative (W := Matrix H P) (fun y => @W_hh R G I H P (p y) g) x (fun v => @W_hh R G I H P (p' v) g).
Proof. exact (derivative_block (W := Matrix H P) x _ _ g here (derivative_snd (U := A) (W := C) x _ _ second)). Qed.

Lemma derivative_b_ih : derivative (W := Vector H) (fun y => @b_ih R G I H P (p y) g) x (fun v => @b_ih R G I H P (p' v) g).
Proof. exact (derivative_block (W := Vector H) x _ _ g here (derivative_snd (U := Pair A C) (W := D) x _ _ first)). Qed.

Lemma derivative_b_hh : derivative (W := Vector H) (fun y => @b_hh R G I H P (p y) g) x (fun v => @b_hh R G I H P (p' v) g).
Proof. exact (derivative_block (W := Vector H) x _ _ g here (derivative_snd (U := Pair (Pair A C) D) (W := D) x p p' dp)). Qed.
End Derivatives.

Lemma dot_gate_parameters {G I H P : indices} (u v : GateParameters G I H P) :
  dot u v = sum G (fun g => dot (V := Matrix H I) (@W_ih R G I H P u g) (@W_ih R G I H P v g))
            + sum G (fun g => dot (V := Matrix H P) (@W_hh R G I H P u g) (@W_hh R G I H P v g))
            + sum G (fun g => dot (V := Vector H) (@b_ih R G I H P u g) (@b_ih R G I H P v g))
            + sum G (fun g => dot (V := Vector H) (@b_hh R G I H P u g) (@b_hh R G I H P v g)).
Proof. unfold GateParameters. rewrite !dot_pair, !dot_power. reflexivity. Qed.

(* Two sums over as many rows and units, term by term. *)
Lemma rows_ext {B H : indices} (f g : B -> H -> R) : 
  (forall b k, f b k = g b k) -> sum B (fun b => sum H (f b)) = sum B (fun b => sum H (g b)).
Proof. intros eq. apply sum_ext. intros. apply sum_ext. auto. Qed.

Lemma rows_sum {B H : indices} (f g : B -> H -> R) :
  sum B (fun b => sum H (fun k => f b k + g b k)) = sum B (fun b => sum H (f b)) + sum B (fun b => sum H (g b)).
Proof. rewrite <- sum_add. apply sum_ext. intros. apply sum_add. Qed.
